import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { readSecret } from '../../libs/platform/embedded/data-folder'
import { superuserUrl } from '../../libs/platform/embedded/postgres-server'
import { freePort } from '../support/eventually'
import { installBuild } from '../support/installation'
import { Mortal } from '../support/mortal'
import { tempFolder } from '../support/temp-folder'
import { drive, randomOf, type Calls, type MixedCall, type Outcome } from '../support/traffic'
import type { FaultRecord } from './conductor'
import { judgeRun, untilRest } from './judgement'
import type { ChaosResult } from './result'
import { CHECKPOINT_MS, GAP_MS, LEASE_MS, TOTAL_TIMEOUT_MS, type RunTenant } from './rig'
import { Upstream } from './upstream'

/** How a run of the installation in one process is made. */
export interface StandaloneOptions {
  readonly seed: number
  readonly loadMs: number
  readonly clients: number
  readonly tell?: (line: string) => void
  readonly onEnd?: (result: ChaosResult, evidence: { outcomes: readonly Outcome[]; logs: Record<string, string> }) => void
}

const MODEL = 'llama3.2'
/** What the demo price list asks for it, pico a token. */
const PRICE = { input: 100_000n, output: 200_000n }
const ANSWER_WORDS = 250
/** Of load between a start and the next death. */
const LIFE_MS = [1_000, 5_000] as const
/** After the last start: what the one before was doing is billed, holds run out. */
const TAIL_MS = 3_000
/** Pico a second of load of the tenant whose budget runs out. */
const TIGHT_BUDGET = 10_000_000n
const TENANTS = [
  { slug: 'umbrella-enterprise', name: 'open', share: 0.7 },
  { slug: 'initech-premium', name: 'tight', share: 0.3 },
] as const

/** The whole installation, killed again and again. */
class Installation {
  readonly deaths: FaultRecord[] = []

  private constructor(
    readonly process: Mortal,
    readonly url: string,
    private readonly dataDir: string,
    readonly upstream: Upstream,
    private readonly undo: (() => unknown)[],
  ) {}

  static async start(): Promise<Installation> {
    const build = installBuild()
    const folder = tempFolder()
    // Outlives the installation, and plays the real Ollama that it finds.
    const upstream = await Upstream.start(build.path, join(folder.path, 'upstream.jsonl'), [{ name: 'ollama', region: 'us-east', dialect: 'ollama', models: [MODEL], defaults: { gap: GAP_MS, words: ANSWER_WORDS } }])
    const dataDir = join(folder.path, 'data')
    const port = String(await freePort())
    const env = {
      TOLLGATE_DATA_DIR: dataDir, HOST: '127.0.0.1', PORT: port, LOG_LEVEL: 'warn', OLLAMA_BASE_URL: upstream.hosts[0]!.baseUrl, OLLAMA_DEFAULT_MODEL: MODEL,
      TOLLGATE_LEASE_MS: String(LEASE_MS), TOLLGATE_CHECKPOINT_MS: String(CHECKPOINT_MS), TOLLGATE_TOTAL_TIMEOUT_MS: String(TOTAL_TIMEOUT_MS),
    }
    const mortal = new Mortal('installation', 'apps/standalone/src/main', env, { ready: /Ctrl-C stops everything/, timeoutMs: 90_000, installation: build.path })
    const installation = new Installation(mortal, `http://127.0.0.1:${port}`, dataDir, upstream, [() => folder.remove(), () => build.remove(), () => upstream.stop(), () => mortal.stop()])
    await mortal.start()
    return installation
  }

  /** Two of the demo tenants on the tier without low limits, one with a budget that will not last. */
  async tenants(loadMs: number): Promise<RunTenant[]> {
    const { tenants } = JSON.parse(readFileSync(join(this.dataDir, 'standalone.json'), 'utf8')) as { tenants: { slug: string; api_key: string }[] }
    const limitPico = (TIGHT_BUDGET * BigInt(Math.round(loadMs))) / 1_000n
    return this.withOwner(async (owner) => {
      await owner.query(`UPDATE tenant SET tier = 'enterprise', max_budget_pico = $1 WHERE slug = 'initech-premium'`, [limitPico.toString()])
      const { rows } = await owner.query<{ id: string; slug: string }>('SELECT id, slug FROM tenant')
      return TENANTS.map(({ slug, name }) => ({ id: rows.find((row) => row.slug === slug)!.id, slug, keyId: '', key: tenants.find((tenant) => tenant.slug === slug)!.api_key, name, limitPico: name === 'tight' ? limitPico : null }))
    })
  }

  async withOwner<T>(work: (owner: Client) => Promise<T>): Promise<T> {
    const { port, password } = readSecret(join(this.dataDir, 'postgres'))
    const owner = new Client({ connectionString: superuserUrl(port, password) })
    owner.on('error', () => undefined)
    await owner.connect()
    try {
      return await work(owner)
    } finally {
      await owner.end()
    }
  }

  /** Its private Redis, as its configuration file tells; null for the server inside the process, which has none. */
  get redisUrl(): string | null {
    const folder = join(this.dataDir, 'redis')
    const conf = readdirSync(folder).map((name) => join(folder, name, 'redis.conf')).flatMap((path) => {
      try {
        return [readFileSync(path, 'utf8')]
      } catch {
        return []
      }
    })[0]
    if (conf === undefined) return null
    return `redis://:${/^requirepass (\S+)$/m.exec(conf)![1]}@127.0.0.1:${/^port (\d+)$/m.exec(conf)![1]}/0`
  }

  async stop(): Promise<void> {
    for (const step of this.undo.reverse()) await step()
  }
}

/** Kills the installation with everything in it, as often as the time allows, and judges its books (T49). */
export async function runStandalone(options: StandaloneOptions): Promise<ChaosResult> {
  const { seed, loadMs, clients } = options
  const installation = await Installation.start()
  try {
    const startedAt = new Date().toISOString()
    const tenants = await installation.tenants(loadMs)
    const startedAtMs = performance.now()
    const nowMs = () => performance.now() - startedAtMs
    let isOver = false
    const traffic = drive(callsOf(seed), clients, () => installation.url, tenants, () => isOver)
    await killAgainAndAgain(installation, options, nowMs)
    await sleep(Math.max(0, loadMs - nowMs()))
    isOver = true
    const outcomes = (await traffic).map((outcome) => ({ ...outcome, startedAtMs: outcome.startedAtMs - startedAtMs, endedAtMs: outcome.endedAtMs - startedAtMs }))
    while ((await installation.upstream.active()) > 0) await sleep(20)
    const result = await installation.withOwner(async (owner) => {
      const atRest = await untilRest(installation.redisUrl, owner)
      const played = { outcomes, records: installation.deaths, truth: await installation.upstream.truth(PRICE), ...atRest }
      return judgeRun(owner, tenants, played, { scenario: 'standalone', seed, loadMs, clients, startedAt, isDeathForgotten: true, collapses: installation.process.collapses })
    })
    options.onEnd?.(result, { outcomes, logs: { installation: installation.process.output } })
    return result
  } finally {
    await installation.stop()
  }
}

async function killAgainAndAgain({ process: mortal, deaths }: Installation, { seed, loadMs, tell }: StandaloneOptions, nowMs: () => number): Promise<void> {
  const random = randomOf(seed)
  for (let number = 1; ; number++) {
    const lifeMs = Math.round(LIFE_MS[0] + random() * (LIFE_MS[1] - LIFE_MS[0]))
    if (nowMs() + lifeMs > loadMs - TAIL_MS) return
    await sleep(lifeMs)
    const beganAtMs = Math.round(nowMs())
    tell?.(`${(beganAtMs / 1000).toFixed(1)} s  kill -9 of the installation`)
    await mortal.die()
    await mortal.start()
    deaths.push({ number, kind: 'installation-kill', atMs: beganAtMs, forMs: 0, victim: 0, side: 'all', degree: 0, outcome: 'done', beganAtMs, mendedAtMs: Math.round(nowMs()) })
  }
}

function callsOf(seed: number): Calls {
  return {
    at: (index): MixedCall => {
      const random = randomOf(seed ^ Math.imul(index + 1, 0x9e3779b1))
      const isStream = random() < 0.6
      return {
        path: random() < 0.5 ? '/chat' : '/v1/chat/completions',
        model: MODEL,
        words: 1 + Math.floor(random() * 30),
        isStream,
        leavesAfter: random() < 0.06 ? 1 + Math.floor(random() * (isStream ? 40 : 400)) : null,
        maxTokens: random() < 0.8 ? 2 + Math.floor(random() * 60) : 2 + Math.floor(random() * 300),
        tenant: random() < TENANTS[0].share ? 0 : 1,
      }
    },
  }
}
