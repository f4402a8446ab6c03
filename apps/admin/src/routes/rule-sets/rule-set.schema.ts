import { z } from 'zod'
import { TASK_TEMPERATURES, type Rule } from '@tollgate/routing/rules'
import { modelName, slug } from '../../fields.schema'

const MOST_RULES = 50
const MOST_WORDS = 100
const MOST_WORDS_OF_A_SET = 500
const MOST_TOKENS = 10_000_000

const tasks = Object.keys(TASK_TEMPERATURES) as [keyof typeof TASK_TEMPERATURES, ...(keyof typeof TASK_TEMPERATURES)[]]
const name = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'must be 1 to 63 of a-z, 0-9, "-" and "_", beginning with a letter or digit')
const word = z.string().regex(/\S/, 'must not be empty').max(100, 'must be at most 100 characters')
const words = z.array(word).min(1, 'must hold at least one').max(MOST_WORDS, `must hold at most ${MOST_WORDS}`)
const below = z.number().int('must be a whole number').min(1, 'must be at least 1').max(MOST_TOKENS)
/** What a choice may be for. */
export const task = z.enum(tasks, `must be one of ${tasks.join(', ')}`)

const choice = { use: modelName.meta({ description: 'Model or alias; "default" is what the caller gets without naming a model' }), task: task.optional().meta({ description: 'Sets its temperature where the caller gave none' }) }

const when = z
  .strictObject({
    any_words: words.optional().meta({ description: 'Whole words or phrases in any case; literal' }),
    contains: words.optional().meta({ description: 'Literal substrings' }),
    fewer_words_than: below.optional(),
    fewer_characters_than: below.optional(),
    fewer_tokens_than: below.optional(),
    language: z.string().trim().toLowerCase().min(1).max(50).optional(),
    project: slug.optional(),
  })
  .meta({ description: 'Every condition that is given must hold; none = always' })

/** Body of a rule set: an ordered list of rules, the first that matches wins. */
export const ruleSetBody = z
  .strictObject({
    description: z.string().max(500).default(''),
    is_default: z.boolean().default(false).meta({ description: 'Used where the caller names no rule set; of a scope at most one' }),
    rules: z.array(z.strictObject({ name, when, ...choice })).max(MOST_RULES, `must hold at most ${MOST_RULES}`),
    default: z.strictObject(choice).meta({ description: 'Where no rule matches' }),
  })
  .superRefine(({ rules }, context) => {
    const names = rules.map((rule) => rule.name)
    names.forEach((one, i) => names.indexOf(one) !== i && context.addIssue({ code: 'custom', path: ['rules', i, 'name'], message: 'is used by a rule before it' }))
    const listed = rules.reduce((sum, rule) => sum + (rule.when.any_words?.length ?? 0) + (rule.when.contains?.length ?? 0), 0)
    if (listed > MOST_WORDS_OF_A_SET) context.addIssue({ code: 'custom', path: ['rules'], message: `must list at most ${MOST_WORDS_OF_A_SET} words in all` })
  })
  .meta({ id: 'RuleSetInput' })

/** The name in the path. */
export const ruleSetName = name

export type RuleSetBody = Omit<z.output<typeof ruleSetBody>, 'rules'> & { readonly rules: readonly Rule[] }
