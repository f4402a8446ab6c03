import { Inject, Injectable } from '@nestjs/common'
import type { Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { exchangeJson, OutboundPools } from '@tollgate/platform/outbound'
import { ChangeNotices } from '@tollgate/platform/redis'
import { SecretBox } from '@tollgate/platform/secrets'
import type { Host, ProbeResult } from './domain/host'
import { modelsFromOpenAiList, modelsFromTags } from './domain/listing'
import { HostStore } from './host.store'

const PROBE_TIMEOUT_MS = 5_000

/** Asks hosts how they are and what they hold. Never generates: a probe costs nothing (ollama-api.md 13). */
@Injectable()
export class ProbeService {
  constructor(
    private readonly store: HostStore,
    private readonly pools: OutboundPools,
    private readonly secrets: SecretBox,
    private readonly notices: ChangeNotices,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Probes one host, saves what it saw and tells every process when routing must change. */
  async probe(host: Host): Promise<ProbeResult> {
    const result = host.provider === 'ollama' ? await this.probeOllama(host) : await this.probeOpenAi(host)
    if (await this.store.saveProbe(host, result)) await this.notices.publish({ topic: 'hosts' })
    return result
  }

  /** Probes every enabled host at once; answers what each holds. */
  async probeAll(): Promise<ProbeResult[]> {
    const { hosts } = await this.store.fleet()
    return Promise.all(hosts.filter((host) => host.isEnabled).map((host) => this.probe(host)))
  }

  /** Does an Ollama answer at this address? Asked before there is a host record. */
  async isOllamaAt(baseUrl: string, timeoutMs: number): Promise<boolean> {
    const answer = await exchangeJson(this.pools, this.clock, { target: { hostId: `probe ${baseUrl}`, baseUrl }, path: '/api/version', timeoutMs })
    return answer.ok && typeof (answer.json as { version?: unknown } | null)?.version === 'string'
  }

  private async probeOllama(host: Host): Promise<ProbeResult> {
    const version = await this.ask(host, '/api/version')
    if (!version.ok) return failed(version.cause, version.latencyMs)
    const tags = await this.ask(host, '/api/tags')
    if (!tags.ok) return failed(tags.cause, tags.latencyMs)
    const found = (version.json as { version?: unknown } | null)?.version
    return { isReachable: true, version: typeof found === 'string' ? found.slice(0, 50) : null, error: null, latencyMs: version.latencyMs, models: modelsFromTags(tags.json) }
  }

  private async probeOpenAi(host: Host): Promise<ProbeResult> {
    const path = new URL(host.baseUrl).pathname.replace(/\/$/, '').endsWith('/v1') ? '/models' : '/v1/models'
    const answer = await this.ask(host, path)
    if (!answer.ok) return failed(answer.cause, answer.latencyMs)
    return { isReachable: true, version: null, error: null, latencyMs: answer.latencyMs, models: modelsFromOpenAiList(answer.json) }
  }

  private ask(host: Host, path: string) {
    const secret = host.secret ? this.secrets.open(host.secret, `host|${host.id}`) : null
    return exchangeJson(this.pools, this.clock, { target: { hostId: host.id, baseUrl: host.baseUrl }, path, secret, timeoutMs: PROBE_TIMEOUT_MS })
  }
}

function failed(cause: string, latencyMs: number): ProbeResult {
  return { isReachable: false, version: null, error: cause.slice(0, 200), latencyMs, models: [] }
}
