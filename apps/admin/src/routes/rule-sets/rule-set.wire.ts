import { ruleProblems, type StoredRuleSet } from '@tollgate/selection'
import { instantTextReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { task } from './rule-set.schema'

const choice = { use: z.string().meta({ description: 'Model or alias; "default" is what the caller gets without naming a model' }), task: task.optional() }
const words = z.array(z.string()).readonly()

const conditionReply = z
  .strictObject({
    any_words: words.optional(),
    contains: words.optional(),
    fewer_words_than: z.int().optional(),
    fewer_characters_than: z.int().optional(),
    fewer_tokens_than: z.int().optional(),
    language: z.string().optional(),
    project: z.string().optional(),
  })
  .meta({ description: 'Every condition that is there must hold; none = always' })

/** A rule set of either scope. */
export const ruleSetReply = z
  .strictObject({
    name: z.string(),
    scope: z.enum(['platform', 'tenant']),
    description: z.string(),
    is_default: z.boolean(),
    rules: z.array(z.strictObject({ name: z.string(), when: conditionReply, ...choice })).readonly(),
    default: z.strictObject(choice),
    changed_by: z.string().meta({ description: "An account's id, or shipped" }),
    changed_at: instantTextReply,
    problems: z.array(z.strictObject({ path: z.string(), message: z.string() })).meta({ description: 'Rules whose target leads nowhere' }),
  })
  .meta({ id: 'RuleSet' })

/** A rule set as the wire has it. `problems` tells of rules whose target has disappeared since, or was never there. */
export function ruleSetWire({ name, description, isDefault, tenantId, rules, otherwise, changedBy, changedAt }: StoredRuleSet, leads: (name: string) => boolean): z.output<typeof ruleSetReply> {
  return { name, scope: tenantId ? 'tenant' : 'platform', description, is_default: isDefault, rules, default: otherwise, changed_by: changedBy, changed_at: changedAt.toISOString(), problems: ruleProblems({ rules, otherwise }, leads) }
}
