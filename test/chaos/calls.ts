import { FAULTS, randomOf, type Calls, type MixedCall } from '../support/traffic'
import type { ChaosTenant } from './scenarios'

/** Upstreams that report wrongly, in ways that can and cannot be counted. */
const LIES = [
  ...['total', 'negative', 'huge', 'text', 'null', 'fraction'].map((kind) => `sim-usage-wrong@kind=${kind}`),
  'sim-no-usage',
  'sim-usage-every',
  'sim-usage-zeros',
  'sim-usage-finish',
]
/** Answers of so many words. The longest takes most of a call's total time, so that faults meet it in the middle. */
const WORDS = [4, 4, 12, 12, 12, 30, 30, 60, 250]
const HONEST = [...new Set(WORDS)].map((words) => `sim-ok@words=${words}`)
export const WILD = 'sim-endless'

/** Every model that calls ask for; each host serves them all. */
export const CHAOS_MODELS: readonly string[] = [...HONEST, ...FAULTS, ...LIES, WILD]

/** Of every call: how many meet an upstream at fault, an upstream that lies, a client that leaves. */
const SHARE = { faulty: 0.04, lying: 0.04, leaving: 0.06, stream: 0.6, openAi: 0.5, wild: 0.5 }
const MOST_TOKENS = 300

/** The calls of a run by number; the same seed draws the same calls, in whatever order they are asked for. */
export class ChaosCalls implements Calls {
  constructor(
    private readonly seed: number,
    private readonly tenants: readonly ChaosTenant[],
  ) {}

  at(index: number): MixedCall {
    const random = randomOf(this.seed ^ Math.imul(index + 1, 0x9e3779b1))
    const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!
    const tenant = this.drawTenant(random())
    const kind = random()
    const isWild = this.tenants[tenant]!.isWild === true && random() < SHARE.wild
    // An endless answer that is not streamed is never one.
    const isStream = isWild || random() < SHARE.stream
    const model = isWild ? WILD : kind < SHARE.faulty ? pick(FAULTS) : kind < SHARE.faulty + SHARE.lying ? pick(LIES) : `sim-ok@words=${pick(WORDS)}`
    return {
      path: pick(['/chat', '/v1/chat/completions'] as const),
      model: random() < SHARE.openAi ? `openai:${model}` : model,
      words: 1 + Math.floor(random() * 30),
      isStream,
      leavesAfter: random() < SHARE.leaving ? 1 + Math.floor(random() * (isStream ? 40 : 400)) : null,
      maxTokens: 2 + Math.floor(random() * (isWild ? 40 : MOST_TOKENS)),
      tenant,
    }
  }

  private drawTenant(share: number): number {
    let at = share * this.tenants.reduce((sum, tenant) => sum + tenant.share, 0)
    const found = this.tenants.findIndex((tenant) => (at -= tenant.share) < 0)
    return found < 0 ? this.tenants.length - 1 : found
  }
}
