import 'reflect-metadata'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startChild, startReady, type Child } from '../bench/children'
import { describeMachine, pinningProblem } from '../bench/cores'
import { cpuBetween, cpuUsOf, type CpuUs } from '../bench/process-figures'
import type { Services } from '../bench/services-main'
import { Books } from './books'
import { CallMaker } from './call-maker'
import { seedTenants, type SettleSeed } from './seed'

/** Records a second that a worker is to drain at least. */
const FLOOR = 3_000
const USAGE = 'usage: npm run bench:settle -- [--calls 100000] [--tenants 64] [--parallel 128] [--workers 1]'
const apps = join(__dirname, '..', '..', 'apps')
const children: Child[] = []
const folder = mkdtempSync(join(tmpdir(), 'tollgate-bench-settle-'))
// A Postgres that runs as another account must pass through.
chmodSync(folder, 0o755)

function countOf(name: string, text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1) return count
  console.error(`--${name} must be a whole number above 0 (given: ${text})\n${USAGE}`)
  process.exit(2)
}

/** Fills the outboxes with no worker running, lets workers drain them, then does both at once. */
async function run(): Promise<boolean> {
  const { values } = parseArgs({ options: { calls: { type: 'string', default: '100000' }, tenants: { type: 'string', default: '64' }, parallel: { type: 'string', default: '128' }, workers: { type: 'string', default: '1' } } })
  const [calls, tenants, parallel, workers] = (['calls', 'tenants', 'parallel', 'workers'] as const).map((name) => countOf(name, values[name])) as [number, number, number, number]
  const machine = describeMachine()
  console.log(`${new Date().toISOString()}, ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load ${loadavg().map((load) => load.toFixed(1)).join(' ')}${pinningProblem ? `; ${pinningProblem}` : ''}`)
  const { child, ready: services } = await startReady<Services>({ label: 'services', side: 'load', script: join(__dirname, '..', 'bench', 'services-main.js'), args: [folder] })
  children.push(child)
  const seed = await seedTenants(services.postgresUrl, tenants)
  const books = await Books.open(services.redisUrl, seed.databaseUrl)
  const maker = await CallMaker.start(seed, services.redisUrl)
  try {
    console.log(`${calls} calls of ${tenants} tenants, ${parallel} at once; ${services.redisKind} with append-only file; Postgres that syncs every commit`)
    const filled = await timed(() => maker.settle(calls, parallel))
    const waiting = await books.queued()
    rate('settle alone (reserve, settle, in the outbox)', calls, filled)
    if (waiting !== calls) throw new Error(`${waiting} claims wait in the outboxes, of ${calls}`)
    const drain = await drained(seed, { services, pid: child.pid }, books, workers)
    rate(`drain by ${workers} worker${workers > 1 ? 's' : ''}`, drain.records, drain.seconds)
    const cpu = Object.entries(drain.cpu).map(([who, us]) => `${who} ${(us / drain.records).toFixed(0)}`)
    console.log(`  CPU µs a record: ${cpu.join(', ')}; ${drain.records / drain.seconds >= FLOOR ? 'met' : 'MISSED'} (${FLOOR}/s)`)
    const half = Math.ceil(calls / 2)
    const both = await timed(() => maker.settle(half, parallel))
    rate('settle while draining', half, both)
    const lag = await books.queued()
    const rest = await timed(() => books.untilEmpty())
    console.log(`  ${lag} claims waited when the last was settled, and were drained in ${rest.toFixed(1)} s`)
    console.log(await books.judge(calls + half, maker.amountPico))
    return drain.records / drain.seconds >= FLOOR
  } finally {
    await maker.stop()
    await books.close()
  }
}

/** From the first record that left to the last: the start of a process is not what is asked. */
async function drained(seed: SettleSeed, { services, pid }: { services: Services; pid: number }, books: Books, workers: number): Promise<{ records: number; seconds: number; cpu: CpuUs }> {
  const env = { NODE_ENV: 'production', LOG_LEVEL: 'warn', DATABASE_URL: seed.databaseUrl, REDIS_URL: services.redisUrl, TOLLGATE_DB_PASSWORD: seed.rolePassword, TOLLGATE_KEY_PEPPER: seed.secret, TOLLGATE_JWT_SECRET: seed.secret, TOLLGATE_SECRETS_KEY: seed.secret, TOLLGATE_ALLOW_LOOPBACK_HOSTS: 'true', TOLLGATE_SANDBOX_HOSTS: 'false' }
  const started = Array.from({ length: workers }, () => startChild({ label: 'worker', side: 'measured', script: join(apps, 'worker', 'src', 'main.js'), env }))
  children.push(...started)
  const cpu = () => cpuUsOf({ ...Object.fromEntries(started.map((worker, i) => [`worker${i > 0 ? ` ${i + 1}` : ''}`, worker.pid])), services: pid })
  const before = await books.queued()
  await Promise.race([books.untilBelow(before), ...started.map(({ ended }) => ended)])
  const [startedMs, records, cpuBefore] = [performance.now(), await books.queued(), cpu()]
  await Promise.race([books.untilEmpty(), ...started.map(({ ended }) => ended)])
  return { records, seconds: (performance.now() - startedMs) / 1000, cpu: cpuBetween(cpuBefore, cpu()) }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return (performance.now() - startedMs) / 1000
}

function rate(what: string, records: number, seconds: number): void {
  console.log(`${what}: ${records} in ${seconds.toFixed(1)} s, ${Math.round(records / seconds)}/s`)
}

async function stopAll(): Promise<void> {
  for (const child of children.splice(0).reverse()) await child.stop().catch(() => undefined)
  rmSync(folder, { recursive: true, force: true })
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stopAll().finally(() => process.exit(130)))
run()
  .then((isMet) => (process.exitCode = isMet ? 0 : 1))
  .catch((error: unknown) => {
    console.error(error)
    process.exitCode = 1
  })
  .finally(() => stopAll().finally(() => process.exit()))
