import type { Pico, Usage } from '@tollgate/kernel'
import { costOf, type Price } from '@tollgate/pricing'
import { scenarioPrice, type Scenario } from './scenario'

/** A recorded call as far as its price goes. */
export interface BilledCall {
  readonly tenantId: string
  /** Its slug, or its id where the tenant is gone. */
  readonly tenant: string
  readonly tier: string
  readonly currency: string
  readonly model: string
  readonly provider: string
  readonly region: string
  readonly startedAtMs: number
  readonly status: string
  readonly usage: Usage
  /** The row it was billed by; null for a model marked free, and for a call that no host was found for. */
  readonly price: Price | null
  readonly amountPico: Pico
  /** The sum of its ledger rows. */
  readonly billedPico: Pico
  /** How long the serving attempt held its host, ms; of a swept call only an estimate. */
  readonly gpuMs: number
}

/**
 * What a call would have cost. `uncharged`: the charge policy let it off, under any prices. `kept`: not a sum of tokens
 * and prices (free model, or a row that was not priced by this release), so it stays what it was. `unpriced`: the book
 * has no price for it, and it would not have been served.
 */
export interface SimulatedCall {
  readonly kind: 'priced' | 'uncharged' | 'kept' | 'unpriced'
  readonly pico: Pico
}

/** Prices one call in a scenario, by the same pure function that billed it. Without changes it costs what the ledger says, to the pico. */
export function simulateCall(call: BilledCall, scenario: Scenario): SimulatedCall {
  const { price, billedPico } = call
  if (!price || billedPico !== call.amountPico) return { kind: 'kept', pico: billedPico }
  const charge = chargeOf(call, price)
  if (charge.kind !== 'priced') return { kind: charge.kind, pico: billedPico }
  const { model, provider, region, tenantId, startedAtMs: atMs } = call
  // What the stored row says of tier and currency was so at the time; the tenant may have moved since.
  const wanted = scenarioPrice(scenario, price, { model, provider, region, tier: price.tier ?? call.tier, tenantId, currency: price.currency, atMs })
  return wanted ? { kind: 'priced', pico: costOf(call.usage, wanted, charge.gpuMs) } : { kind: 'unpriced', pico: 0n }
}

/**
 * Whether a call was charged, and for how long on a GPU; read from its amount, which is stored, as the decision is not.
 * Where usage and price come to nothing the amount tells nothing, and the policy's own rule decides (routing.md): calls
 * that completed, or were left or swept after something was delivered.
 */
function chargeOf(call: BilledCall, price: Price): { kind: 'priced'; gpuMs: number } | { kind: 'uncharged' | 'kept' } {
  const { usage, amountPico, gpuMs } = call
  const plain = costOf(usage, price, 0)
  const full = costOf(usage, price, gpuMs)
  if (full === 0n && amountPico === 0n) {
    const isCharged = call.status === 'completed' || (call.status !== 'failed' && usage.completionTokens > 0)
    return isCharged ? { kind: 'priced', gpuMs } : { kind: 'uncharged' }
  }
  if (amountPico === full) return { kind: 'priced', gpuMs }
  if (amountPico === 0n) return { kind: 'uncharged' }
  // The time of a swept call is not kept, but its amount holds it.
  const perMs = price.isFree ? 0n : (price.gpuSecondPico ?? 0n) / 1000n
  const timePico = amountPico - plain
  if (perMs > 0n && timePico >= 0n && timePico % perMs === 0n) return { kind: 'priced', gpuMs: Number(timePico / perMs) }
  return { kind: 'kept' }
}

/** Sums of a group of calls. */
export interface SimulatedSums {
  requests: number
  billedPico: Pico
  simulatedPico: Pico
}

/** What a period costs in a scenario: in all, by model and by tenant, each in its currency. */
export class SimulationTotals {
  readonly groups = new Map<string, { readonly tenant: string; readonly model: string; readonly currency: string } & SimulatedSums>()
  readonly counts = { priced: 0, uncharged: 0, kept: 0, unpriced: 0 }

  /** Adds a call to its group. */
  add(call: BilledCall, simulated: SimulatedCall): void {
    const currency = call.price?.currency ?? call.currency
    const key = JSON.stringify([call.tenant, call.model, currency])
    let group = this.groups.get(key)
    if (!group) this.groups.set(key, (group = { tenant: call.tenant, model: call.model, currency, requests: 0, billedPico: 0n, simulatedPico: 0n }))
    group.requests++
    group.billedPico += call.billedPico
    group.simulatedPico += simulated.pico
    this.counts[simulated.kind]++
  }

  /** Groups folded by a name, in its order. */
  by(name: (group: { readonly tenant: string; readonly model: string }) => string): { readonly name: string; readonly currency: string; readonly sums: SimulatedSums }[] {
    const folded = new Map<string, { name: string; currency: string; sums: SimulatedSums }>()
    for (const group of this.groups.values()) {
      const key = JSON.stringify([name(group), group.currency])
      const { sums } = folded.get(key) ?? folded.set(key, { name: name(group), currency: group.currency, sums: { requests: 0, billedPico: 0n, simulatedPico: 0n } }).get(key)!
      sums.requests += group.requests
      sums.billedPico += group.billedPico
      sums.simulatedPico += group.simulatedPico
    }
    return [...folded.values()].sort((a, b) => (a.name + a.currency < b.name + b.currency ? -1 : 1))
  }
}
