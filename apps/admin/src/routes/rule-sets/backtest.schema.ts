import { z } from 'zod'
import { slug } from '../../fields.schema'
import { periodFields } from '../proof/period.schema'
import { ruleSetBody, ruleSetName, type RuleSetBody } from './rule-set.schema'

/** Body of `POST /admin/rule-sets/backtest`: a stored set by name, or one that is not stored yet. */
export const backtestBody = z
  .strictObject({
    ...periodFields,
    tenant: slug.optional().meta({ description: 'One tenant only; a stored set is then looked for among its own first' }),
    name: ruleSetName.optional(),
    rule_set: ruleSetBody.optional(),
  })
  .refine((body) => (body.name === undefined) !== (body.rule_set === undefined), { path: ['name'], message: 'give either the name of a stored rule set, or rule_set' })
  .meta({ id: 'BacktestInput' })

export type BacktestBody = Omit<z.output<typeof backtestBody>, 'rule_set'> & { readonly rule_set?: RuleSetBody }
