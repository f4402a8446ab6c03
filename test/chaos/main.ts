import { randomInt } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { projectRoot } from '../support/installation'
import { sweepDeadRuns } from '../support/services'
import { killSpawnedApps } from '../support/spawn-app'
import { readOptions, UsageError, type ChaosOptions, type Playable } from './options'
import type { ChaosResult } from './result'
import { runRace } from './race'
import { runRestart } from './restart'
import { runChaos } from './run'
import type { PlannedFault } from './schedule'
import { runStandalone } from './standalone'
import { table } from './table'

/** Load before and after a long outage. */
const AROUND_OUTAGE_SECONDS = 20

async function chaos(options: ChaosOptions & { scenario: Exclude<Playable, 'restart'> }): Promise<ChaosResult> {
  const tell = options.isQuiet ? undefined : (line: string) => console.error(line)
  const { scenario, seed, clients, outageSeconds, rounds } = options
  const loadMs = Math.max(options.minutes * 60_000, (outageSeconds + AROUND_OUTAGE_SECONDS) * 1_000 * Math.sign(outageSeconds))
  if (scenario === 'standalone' || scenario === 'standalone-postgres') return runStandalone({ scenario, seed, clients, loadMs, tell, onEnd: keep })
  if (scenario === 'race' || scenario === 'standalone-race') return runRace({ scenario, seed, rounds, tell })
  return runChaos({ scenario, seed, clients, loadMs, tell, onEnd: keep, ...(outageSeconds > 0 ? { schedule: [outage(outageSeconds)] } : {}) })
}

/** T06's long one: what a run of this length is about, so nothing else happens. */
function outage(seconds: number): PlannedFault {
  return { number: 1, kind: 'postgres-stop', atMs: 3_000, forMs: seconds * 1_000, victim: 0, side: 'all', degree: 0 }
}

/** Writes the result, and for a run that is not all it should be, what helps to find out why. */
function keep(result: ChaosResult, evidence: { outcomes: unknown; logs: Record<string, string> }): void {
  const folder = join(projectRoot(), '.cache', 'chaos', `${result.scenario}-${result.seed}`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'result.json'), `${JSON.stringify(result, null, 1)}\n`)
  if (result.broken.length === 0 && result.targets.every(({ isMet }) => isMet)) return
  writeFileSync(join(folder, 'calls.json'), JSON.stringify(evidence.outcomes))
  for (const [name, output] of Object.entries(evidence.logs)) writeFileSync(join(folder, `${name.replace(' ', '-')}.log`), output)
  console.error(`evidence in ${relative(process.cwd(), folder)}`)
}

let hasSignal = false
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
  process.on(signal, () => {
    if (hasSignal) process.exit(code)
    hasSignal = true
    void killSpawnedApps().finally(() => process.exit(code))
  })
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2), randomInt(2 ** 31))
  sweepDeadRuns()
  if (options.scenario === 'restart') {
    const restart = await runRestart(options)
    console.log(JSON.stringify(restart))
    process.exit(restart.failed.length + restart.unbilled === 0 ? 0 : 1)
  }
  console.error(`seed ${options.seed}`)
  const result = await chaos({ ...options, scenario: options.scenario })
  console.log(options.isJson ? JSON.stringify(result) : table(result))
  process.exit(result.broken.length === 0 ? 0 : 1)
}

main().catch(async (error: unknown) => {
  if (hasSignal) return
  console.error(error instanceof UsageError ? error.message : error)
  await killSpawnedApps()
  process.exit(error instanceof UsageError ? 2 : 3)
})
