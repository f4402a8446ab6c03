import { decimalFromPico } from '@tollgate/kernel'
import type { BacktestTotals } from '@tollgate/selection/traces'
import { instantTextReply, moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'

const totalsReply = z.strictObject({
  calls: z
    .strictObject({ tried: z.int(), replaced: z.int(), unpriced: z.int() })
    .meta({ description: 'replaced: the model that was wanted could not be used; unpriced: no price is known, and the call counts nothing' }),
  totals: z
    .array(z.strictObject({ currency: z.string(), billed: moneyReply, simulated: moneyReply, difference: moneyReply.meta({ description: 'simulated less billed' }) }))
    .meta({ description: 'One for each currency' }),
  models: z.array(z.strictObject({ model: z.string(), currency: z.string(), calls_before: z.int(), billed: moneyReply, calls: z.int(), simulated: moneyReply })),
  rules: z.array(z.strictObject({ rule: z.string().meta({ description: 'set/rule' }), calls: z.int() })),
})

const findingsReply = z.strictObject({
  rule_set: z.string(),
  words_not_recorded: z.array(z.string()).meta({ description: 'Words that were not looked for in the whole period: rules by them match too seldom here' }),
  ...totalsReply.shape,
})

/** A rule set tried on a period. */
export const backtestReply = z
  .strictObject({ from: instantTextReply, to: instantTextReply, tenant: z.string().nullable().meta({ description: 'Null: every tenant' }), ...findingsReply.shape })
  .meta({ id: 'Backtest' })

/** What the calls of a period came to. */
export type BacktestFindings = z.output<typeof findingsReply>

/** Sums by currency, model and rule. */
export function backtestTotalsWire(totals: BacktestTotals): z.output<typeof totalsReply> {
  const models = totals.models()
  const currencies = [...new Set(models.map(({ currency }) => currency))].sort()
  const sumOf = (currency: string, of: (share: (typeof models)[number]) => bigint) => models.filter((share) => share.currency === currency).reduce((sum, share) => sum + of(share), 0n)
  return {
    calls: { tried: totals.calls, replaced: totals.replaced, unpriced: totals.unpriced },
    totals: currencies.map((currency) => {
      const [was, would] = [sumOf(currency, ({ wasPico }) => wasPico), sumOf(currency, ({ pico }) => pico)]
      return { currency, billed: decimalFromPico(was), simulated: decimalFromPico(would), difference: decimalFromPico(would - was) }
    }),
    models: models.map(({ model, currency, wasCalls, wasPico, calls, pico }) => ({ model, currency, calls_before: wasCalls, billed: decimalFromPico(wasPico), calls, simulated: decimalFromPico(pico) })),
    rules: totals.rules(),
  }
}
