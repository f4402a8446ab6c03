import { Inject, Injectable } from '@nestjs/common'
import type { Clock, Pico } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { exchangeJson, OutboundPools } from '@tollgate/platform/outbound'
import { reportedCost } from '@tollgate/pricing'
import { HostSecrets } from './host-secrets.service'
import { HostStore } from './host.store'

const TIMEOUT_MS = 5_000
const MOST_TOKENS = 1e9

/** What a host says of one of its generations: its cost, or why there is none now. `gone`: nobody is left to be asked. */
export type ToldGeneration =
  | { readonly kind: 'told'; readonly costPico: Pico; readonly promptTokens: number | null; readonly completionTokens: number | null }
  | { readonly kind: 'not_yet' | 'gone'; readonly cause: string }

/** Asks a router what a call cost that ended before it said so (openrouter-and-compatible.md 1): it knows seconds later. */
@Injectable()
export class GenerationsService {
  constructor(
    private readonly store: HostStore,
    private readonly secrets: HostSecrets,
    private readonly pools: OutboundPools,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @param hostName the host that was asked to generate; never rejects for what it answers */
  async costOf(hostName: string, generation: string): Promise<ToldGeneration> {
    const host = (await this.store.fleet()).hosts.find(({ name }) => name === hostName)
    if (!host || !this.secrets.isReadable(host)) return { kind: 'gone', cause: 'its host is not here any more' }
    const root = new URL(host.baseUrl).pathname.replace(/\/$/, '').endsWith('/v1') ? '' : '/v1'
    const answer = await exchangeJson(this.pools, this.clock, {
      target: { hostId: host.id, baseUrl: host.baseUrl },
      path: `${root}/generation?id=${encodeURIComponent(generation)}`,
      secret: this.secrets.open(host),
      timeoutMs: TIMEOUT_MS,
    })
    if (!answer.ok) return { kind: 'not_yet', cause: answer.cause }
    const said = (answer.json as { data?: Record<string, unknown> | null } | null)?.data ?? {}
    const costPico = reportedCost(JSON.stringify({ cost: said.total_cost, is_byok: said.is_byok, cost_details: { upstream_inference_cost: said.upstream_inference_cost } }))
    if (costPico === null) return { kind: 'not_yet', cause: 'it names no cost' }
    return { kind: 'told', costPico, promptTokens: countOf(said.native_tokens_prompt), completionTokens: countOf(said.native_tokens_completion) }
  }
}

function countOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MOST_TOKENS ? value : null
}
