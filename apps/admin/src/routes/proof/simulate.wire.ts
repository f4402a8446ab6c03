import { decimalFromPico } from '@tollgate/kernel'
import type { SimulationService } from '@tollgate/proof'
import { instantTextReply, moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'

type Totals = Awaited<ReturnType<SimulationService['simulate']>>

/** What was billed in a currency, and what it would have been. */
const sumsReply = z
  .strictObject({ currency: z.string(), requests: z.int(), billed: moneyReply, simulated: moneyReply, difference: moneyReply.meta({ description: 'simulated less billed' }) })
  .meta({ id: 'SimulatedSums' })

const totalsReply = z.strictObject({
  totals: z.array(sumsReply).meta({ description: 'One for each currency' }),
  models: z.array(sumsReply.extend({ model: z.string() })),
  tenants: z.array(sumsReply.extend({ tenant: z.string().meta({ description: 'Its slug, or its id where it is gone' }) })),
  calls: z
    .strictObject({ priced: z.int(), uncharged: z.int(), kept: z.int(), unpriced: z.int() })
    .meta({ description: 'uncharged: let off under any prices; kept: no sum of tokens and prices, so it stays what it was; unpriced: the book has no price for it' }),
})

/** A past period under another price book. */
export const simulationReply = z
  .strictObject({ from: instantTextReply, to: instantTextReply, tenant: z.string().nullable().meta({ description: 'Null: every tenant' }), ...totalsReply.shape })
  .meta({ id: 'Simulation' })

/** What was billed, and what it would have been; a currency has sums of its own. `calls` says how many were priced, and why others were not. */
export function totalsWire(totals: Totals): z.output<typeof totalsReply> {
  return {
    totals: totals.by(() => '').map(sumsWire),
    models: totals.by(({ model }) => model).map(({ name, ...rest }) => ({ model: name, ...sumsWire(rest) })),
    tenants: totals.by(({ tenant }) => tenant).map(({ name, ...rest }) => ({ tenant: name, ...sumsWire(rest) })),
    calls: totals.counts,
  }
}

function sumsWire({ currency, sums }: Omit<ReturnType<Totals['by']>[number], 'name'>): z.output<typeof sumsReply> {
  const { requests, billedPico, simulatedPico } = sums
  return { currency, requests, billed: decimalFromPico(billedPico), simulated: decimalFromPico(simulatedPico), difference: decimalFromPico(simulatedPico - billedPico) }
}
