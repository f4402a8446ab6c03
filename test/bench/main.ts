import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { startReady, type Child } from './children'
import { describeMachine, pinningProblem } from './cores'
import { allRounds, type Rig } from './measure'
import { MEASURES, readOptions, TARGETS, UsageError, type BenchOptions } from './options'
import { installPortkey } from './peers/portkey'
import { canReadProcesses, rssMib } from './process-figures'
import { topFunctions } from './profile'
import { report } from './report'
import { seedDatabase } from './seed'
import type { Services } from './services-main'
import { SettlementWatch } from './settlement'
import type { BenchResult } from './result'
import { summarise, type Figures } from './summary'
import { checkTarget, startGateway, startPeer, startPortkey, type Target } from './targets'
import { requestBody } from './upstream-answers'
import { ratiosOf, verdicts } from './verdict'

const root = join(__dirname, '..', '..', '..')
const cache = join(root, '.cache')
const profiles = join(cache, 'bench-profile')
const BODIES = [requestBody('plain'), requestBody('stream')]
const MOST_LOAD_SHARE = 0.9
const IDLE_MS = 2_000
/** Of the gateway's life, what a profile leaves out. */
let profileFromMs = Infinity
let gatewayStartedMs = 0

/** Processes in the order they start; they stop in the opposite one. */
const children: Child[] = []
const folder = mkdtempSync(join(tmpdir(), 'tollgate-bench-'))
// A Postgres that runs as another account must pass through.
chmodSync(folder, 0o755)

async function stopAll(): Promise<void> {
  for (const child of children.splice(0).reverse()) await child.stop().catch(() => undefined)
  rmSync(folder, { recursive: true, force: true })
}

async function startTargets(options: BenchOptions, upstreamUrl: string, notes: string[]): Promise<{ targets: Target[]; settlement: SettlementWatch | null }> {
  const targets: Target[] = []
  let settlement: SettlementWatch | null = null
  for (const name of options.only) {
    if (name === 'gateway') {
      const { child, ready: services } = await startReady<Services>({ label: 'services', side: options.services, script: join(__dirname, 'services-main.js'), args: [folder] })
      children.push(child)
      if (services.redisKind === 'js-redis-server') notes.push('there is no redis-server or valkey-server on PATH: the JavaScript one stands in, is slower, keeps nothing, and makes every reply wait for Postgres')
      const seed = await seedDatabase(services.postgresUrl, upstreamUrl)
      mkdirSync(profiles, { recursive: true })
      const flags = [...options.gatewayFlags, ...(options.isProfiling ? ['--cpu-prof', `--cpu-prof-dir=${profiles}`, '--cpu-prof-name=gateway.cpuprofile'] : [])]
      gatewayStartedMs = performance.now()
      const started = await startGateway(seed, services, { pid: child.pid, side: options.services }, flags)
      children.push(...started.children)
      targets.push(started.target)
      settlement = await SettlementWatch.start(services.redisUrl, seed)
    } else if (name === 'portkey') {
      const install = await installPortkey(cache)
      if ('problem' in install) notes.push(`Portkey is left out: ${install.problem}`)
      else {
        const started = await startPortkey(install, upstreamUrl)
        children.push(started.child)
        targets.push(started.target)
      }
    } else {
      const started = await startPeer(name, upstreamUrl)
      children.push(started.child)
      targets.push(started.target)
    }
  }
  return { targets, settlement }
}

async function bench(options: BenchOptions): Promise<BenchResult> {
  const tell = (line: string) => console.error(line)
  const notes = [pinningProblem, canReadProcesses ? null : 'this system has no /proc: CPU and memory are not known'].filter((note) => note !== null)
  const { child: upstream, ready } = await startReady<{ port: number }>({ label: 'upstream', side: 'load', script: join(__dirname, 'upstream-main.js') })
  children.push(upstream)
  const { child: load } = await startReady({ label: 'load', side: 'load', script: join(__dirname, 'load-main.js') })
  children.push(load)
  const { targets, settlement } = await startTargets(options, `http://127.0.0.1:${ready.port}/v1`, notes)
  for (const note of notes) tell(`note: ${note}`)
  for (const target of targets) await checkTarget(target, BODIES)
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS))
  const idleRssMib = Object.fromEntries(targets.map(({ name, processes }) => [name, rssMib(Object.values(processes)[0]!)]))
  const direct: Target = { name: 'direct', label: 'upstream alone', port: ready.port, headers: {}, processes: {} }
  const rig: Rig = { load, upstream, targets, settlement }
  const samples = await allRounds(rig, options, direct, tell, () => (profileFromMs = Math.min(profileFromMs, performance.now() - gatewayStartedMs)))
  const ofGateway = samples.filter(({ target }) => target === 'gateway')
  const rows = await settlement?.rows()
  await settlement?.close()
  const figures = summarise(samples)
  return {
    at: new Date().toISOString(),
    command: ['npm run bench --', ...process.argv.slice(2)].join(' '),
    machine: describeMachine(),
    options,
    notes: [...notes, ...troubles(figures)],
    figures,
    ratios: ratiosOf(figures),
    idleRssMib,
    settlement: rows
      ? { usageRows: rows.completed, completedCalls: ofGateway.reduce((sum, { completed }) => sum + completed, BODIES.length), errors: ofGateway.reduce((sum, { errors }) => sum + errors, 0), isBalanced: rows.isBalanced }
      : null,
    verdicts: verdicts(figures, idleRssMib.gateway ?? Number.NaN),
    samples,
  }
}

/** What makes a figure doubtful. */
function troubles(figures: readonly Figures[]): string[] {
  const rows = figures.filter(({ target }) => target !== 'direct')
  return [
    ...rows.filter(({ errors }) => errors > 0).map(({ measure, target, errors }) => `${errors} calls of ${measure} to ${target} failed`),
    ...rows.filter(({ loadBusyShare }) => loadBusyShare > MOST_LOAD_SHARE).map(({ measure, target }) => `${measure} of ${target}: the load's core was full, so its figure is a lower bound`),
  ]
}

/** A whole run is a result to keep; a part of one is only the last run. */
function save(result: BenchResult): string {
  const isWhole = result.options.only.length === TARGETS.length && result.options.measures.length === MEASURES.length && !result.options.isProfiling
  const path = isWhole ? join(root, 'test', 'bench', 'results', `${result.at.slice(0, 10)}.json`) : join(cache, 'bench-last.json')
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, `${JSON.stringify(result, null, 1)}\n`)
  return relative(root, path)
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  const result = await bench(options)
  await stopAll()
  console.error(`written to ${save(result)}`)
  console.log(options.isJson ? JSON.stringify(result) : report(result))
  if (options.isProfiling) console.error(topFunctions(join(profiles, 'gateway.cpuprofile'), profileFromMs))
}

let hasSignal = false
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
  process.on(signal, () => {
    // A second signal ends at once; what still runs is killed on the way out.
    if (hasSignal) process.exit(code)
    hasSignal = true
    void stopAll().finally(() => process.exit(code))
  })
}
main().catch(async (error: unknown) => {
  if (hasSignal) return
  console.error(error instanceof UsageError ? error.message : error)
  await stopAll()
  process.exit(error instanceof UsageError ? 2 : 1)
})
