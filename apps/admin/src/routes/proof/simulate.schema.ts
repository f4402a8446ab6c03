import { z } from 'zod'
import { canonicalModel } from '@tollgate/kernel'
import { PRICE_CLASSES } from '@tollgate/proof'
import { modelName, slug } from '../../fields.schema'
import { priceBody } from '../catalog/price.schema'
import { periodFields } from './period.schema'

const MOST_ROWS = 1_000

/** "-10", "+2.5": per cent × 10⁶, so that nothing is rounded before a price is. */
const percent = z
  .string('must be a decimal string such as "-10" or "2.5"')
  .regex(/^[+-]?\d{1,4}(\.\d{1,6})?$/, 'must be a decimal string such as "-10" or "2.5", with at most 6 decimals')
  .transform((text) => {
    const [, sign, whole, fraction = ''] = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(text)!
    const size = BigInt(whole! + fraction.padEnd(6, '0'))
    return sign === '-' ? -size : size
  })
  .refine((millionths) => millionths >= -100_000_000n, 'must be at least -100')
  .meta({ description: 'Per cent as a decimal string', example: '-10' })

const change = z.strictObject({
  model: modelName.transform(canonicalModel).optional(),
  provider: z.string().min(1).max(50).optional(),
  region: slug.optional(),
  tenant: slug.optional(),
  classes: z.array(z.enum(PRICE_CLASSES, `must be some of ${PRICE_CLASSES.join(', ')}`)).min(1).optional().meta({ description: 'By default every class' }),
  percent,
})

/** Body of `POST /admin/proof/simulate`. Without prices and changes it answers what the ledger says. */
export const simulateBody = z
  .strictObject({
    ...periodFields,
    tenant: slug.optional().meta({ description: 'By default every tenant' }),
    prices: z.array(priceBody).max(MOST_ROWS).default([]).meta({ description: 'Rows as POST /admin/prices takes them, as if they had been there; without effective_at, all the time' }),
    replace: z.boolean().default(false).meta({ description: 'The rows are the whole book: the rows really in force do not count' }),
    changes: z.array(change).max(MOST_ROWS).default([]).meta({ description: 'Per cent changes; the first that matches a call applies to whichever price it has' }),
  })
  .superRefine((body, context) => {
    if (body.replace && body.prices.length === 0) context.addIssue({ code: 'custom', path: ['prices'], message: 'must hold the whole book when replace is true' })
  })
  .meta({ id: 'SimulationInput' })

export type SimulateBody = z.output<typeof simulateBody>
