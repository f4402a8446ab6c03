import type { RuleSet } from '@tollgate/routing/rules'
import type { StoredRuleSet } from './stored-rule-set'

/** A past call under the rule set that is tried. `costPico` null = the model has no price. */
export interface TriedCall {
  readonly currency: string
  readonly wasModel: string
  readonly wasPico: bigint
  readonly model: string
  readonly costPico: bigint | null
  readonly rule: string
  readonly isReplaced: boolean
}

/** Calls and cost of a model in one currency: as they were, and as they would be. */
export interface ModelShare {
  readonly model: string
  readonly currency: string
  wasCalls: number
  wasPico: bigint
  calls: number
  pico: bigint
}

/** The model mix and cost of a period under another rule set. Sums never mix currencies. */
export class BacktestTotals {
  calls = 0
  replaced = 0
  unpriced = 0
  private readonly shares = new Map<string, ModelShare>()
  private readonly ruleCounts = new Map<string, number>()

  add(call: TriedCall): void {
    this.calls++
    if (call.isReplaced) this.replaced++
    this.ruleCounts.set(call.rule, (this.ruleCounts.get(call.rule) ?? 0) + 1)
    const was = this.share(call.wasModel, call.currency)
    was.wasCalls++
    was.wasPico += call.wasPico
    const would = this.share(call.model, call.currency)
    would.calls++
    if (call.costPico === null) this.unpriced++
    else would.pico += call.costPico
  }

  /** Most calls first, then by name. */
  models(): ModelShare[] {
    return [...this.shares.values()].sort((a, b) => b.calls - a.calls || a.model.localeCompare(b.model))
  }

  /** How often each rule matched, most first. */
  rules(): { rule: string; calls: number }[] {
    return [...this.ruleCounts].map(([rule, calls]) => ({ rule, calls })).sort((a, b) => b.calls - a.calls || a.rule.localeCompare(b.rule))
  }

  private share(model: string, currency: string): ModelShare {
    const key = `${currency} ${model}`
    const known = this.shares.get(key) ?? { model, currency, wasCalls: 0, wasPico: 0n, calls: 0, pico: 0n }
    this.shares.set(key, known)
    return known
  }
}

/**
 * Words and literals of a set that were not looked for in the whole period, since no set that was stored before it has
 * them: rules by them match too seldom in a back-test. Shipped sets were there before anything was recorded.
 */
export function unrecordedWords({ rules }: Pick<RuleSet, 'rules'>, stored: readonly StoredRuleSet[], fromMs: number): string[] {
  const listed = (sets: readonly Pick<RuleSet, 'rules'>[]) => sets.flatMap((set) => set.rules.flatMap(({ when }) => [...(when.any_words ?? []), ...(when.contains ?? [])]))
  const known = new Set(listed(stored.filter((set) => set.changedBy === 'shipped' || set.changedAt.getTime() <= fromMs)))
  return [...new Set(listed([{ rules }]))].filter((word) => !known.has(word))
}
