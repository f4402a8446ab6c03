import { Inject, Injectable } from '@nestjs/common'
import { LRUCache } from 'lru-cache'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { exchangeJson, OutboundPools, type JsonAnswer } from '@tollgate/platform/outbound'
import type { DiscoveredModel, Host, ProbeResult } from './domain/host'
import { foldKept, loadedFromPs, modelsFromOpenAiList, modelsFromTags, shownOf } from './domain/listing'
import { isOlder } from './domain/version'
import { HostSecrets } from './host-secrets.service'

/** Three questions a probe, two of them at once, and all within the ten seconds a probe's lease holds (health/lease.store.ts). */
const QUESTION_TIMEOUT_MS = 4_000
const ANTHROPIC_VERSION = '2023-06-01'
/** A probe asks for what it has not seen for this long at most; the rest waits for the next one. */
const SHOW_BUDGET_MS = 1_500
const SHOWN_AT_ONCE = 4

/** Asks a host how it is and what it holds. Never generates: asking costs nothing (ollama-api.md 13). */
@Injectable()
export class HostAsker {
  /** What `/api/show` said, by host, name and digest: it does not change while the digest does not. */
  private readonly shown = new LRUCache<string, Partial<DiscoveredModel>>({ max: 5_000 })

  constructor(
    private readonly pools: OutboundPools,
    private readonly secrets: HostSecrets,
    @Inject(CONFIG) private readonly config: ClusterConfig,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** What the host says of itself. An Ollama below the version floor does not pass (F60). */
  async look(host: Host): Promise<ProbeResult> {
    if (!this.secrets.isReadable(host)) return failed('its secret does not open: it was altered, or its key is neither TOLLGATE_SECRETS_KEY nor among TOLLGATE_SECRETS_KEYS_ALSO', 0)
    return host.provider === 'ollama' ? this.lookAtOllama(host) : this.lookAtOpenAi(host)
  }

  /** Does an Ollama answer at this address? Asked before there is a host record. */
  async isOllamaAt(baseUrl: string, timeoutMs: number): Promise<boolean> {
    const answer = await exchangeJson(this.pools, this.clock, { target: { hostId: `probe ${baseUrl}`, baseUrl }, path: '/api/version', timeoutMs })
    return answer.ok && typeof (answer.json as { version?: unknown } | null)?.version === 'string'
  }

  /** Does the host hand out its list of models to anybody? Then its credential protects nothing (F60). */
  async isOpenToAll(host: Host): Promise<boolean> {
    return (await this.ask({ ...host, secret: null }, host.provider === 'ollama' ? '/api/tags' : listPath(host))).ok
  }

  /** Canonical names of the models in an Ollama host's memory; null when it does not say. */
  async loadedAt(host: Host): Promise<string[] | null> {
    if (host.provider !== 'ollama') return null
    const answer = await this.ask(host, '/api/ps')
    return answer.ok ? loadedFromPs(answer.json) : null
  }

  private async lookAtOllama(host: Host): Promise<ProbeResult> {
    const version = await this.ask(host, '/api/version')
    if (!version.ok) return failed(version.cause, version.latencyMs)
    const { version: found } = (version.json ?? {}) as { version?: unknown }
    const named = typeof found === 'string' ? found.slice(0, 50) : null
    const floor = this.config.TOLLGATE_OLLAMA_MIN_VERSION
    if (named !== null && isOlder(named, floor)) {
      return { ...failed(`Ollama ${named} is older than ${floor}, the oldest without known holes. Upgrade it.`, version.latencyMs), version: named }
    }
    const [tags, loaded] = await Promise.all([this.ask(host, '/api/tags'), this.loadedAt(host)])
    if (!tags.ok) return failed(tags.cause, tags.latencyMs)
    const listed = modelsFromTags(tags.json)
    const isHere = ({ isForwarded }: DiscoveredModel) => !isForwarded
    const shown = await this.knownBetter(host, foldKept(listed.filter(isHere)))
    const models = shown.filter(isHere)
    const forwarded = [...listed, ...shown].flatMap(({ isForwarded, upstreamName }) => (isForwarded ? [upstreamName] : [])).sort()
    return { loaded, isReachable: true, version: named, error: null, latencyMs: version.latencyMs, models, forwarded }
  }

  /** What the host shows of each model, asked once per digest; a model it would not show stays as it was listed. */
  private async knownBetter(host: Host, listed: readonly DiscoveredModel[]): Promise<DiscoveredModel[]> {
    const keyOf = ({ upstreamName, digest }: DiscoveredModel) => `${host.id} ${upstreamName} ${digest}`
    const unseen = listed.filter((model) => !this.shown.has(keyOf(model)))
    const untilMs = this.clock.monotonicMs() + SHOW_BUDGET_MS
    const lane = async (): Promise<void> => {
      for (let model = unseen.shift(); model; model = unseen.shift()) {
        const leftMs = untilMs - this.clock.monotonicMs()
        if (leftMs <= 0) return
        const answer = await this.ask(host, '/api/show', { body: { model: model.upstreamName }, timeoutMs: leftMs })
        if (answer.ok) this.shown.set(keyOf(model), shownOf(answer.json))
        else if (answer.status !== null) this.shown.set(keyOf(model), {})
      }
    }
    await Promise.all(Array.from({ length: SHOWN_AT_ONCE }, lane))
    return listed.map((model) => ({ ...model, ...this.shown.get(keyOf(model)) }))
  }

  private async lookAtOpenAi(host: Host): Promise<ProbeResult> {
    const answer = await this.ask(host, listPath(host))
    if (!answer.ok) return failed(answer.cause, answer.latencyMs)
    return { isReachable: true, version: null, error: null, latencyMs: answer.latencyMs, models: modelsFromOpenAiList(answer.json), forwarded: [], loaded: null }
  }

  private ask(host: Host, path: string, { body, timeoutMs = QUESTION_TIMEOUT_MS }: { body?: unknown; timeoutMs?: number } = {}): Promise<JsonAnswer> {
    const secret = this.secrets.open(host)
    const target = { hostId: host.id, baseUrl: host.baseUrl }
    if (host.provider === 'anthropic') {
      const headers = { 'anthropic-version': ANTHROPIC_VERSION, ...(secret ? { 'x-api-key': secret } : {}) }
      return exchangeJson(this.pools, this.clock, { target, path, headers, timeoutMs })
    }
    return exchangeJson(this.pools, this.clock, { target, path, secret, body, timeoutMs })
  }
}

function listPath(host: Host): string {
  const path = new URL(host.baseUrl).pathname.replace(/\/$/, '').endsWith('/v1') ? '/models' : '/v1/models'
  // Its list comes twenty at a time otherwise.
  return host.provider === 'anthropic' ? `${path}?limit=1000` : path
}

function failed(cause: string, latencyMs: number): ProbeResult {
  return { isReachable: false, version: null, error: cause.slice(0, 200), latencyMs, models: [], forwarded: [], loaded: null }
}
