import type { RuleSet } from '@tollgate/routing/rules'

/** A rule whose target leads nowhere: the path in the body, and what is wrong. */
export interface RuleProblem {
  readonly path: string
  readonly message: string
}

/** What the caller gets without naming a model: always somewhere. */
const DEFAULT = 'default'

/** Names that rules use and that lead to no model. Pure. @param leads whether a name leads to a model in the set's scope */
export function ruleProblems({ rules, otherwise }: Pick<RuleSet, 'rules' | 'otherwise'>, leads: (name: string) => boolean): RuleProblem[] {
  const targets = [...rules.map(({ use }, i) => ({ path: `rules.${i}.use`, use })), { path: 'default.use', use: otherwise.use }]
  return targets.filter(({ use }) => use !== DEFAULT && !leads(use)).map(({ path, use }) => ({ path, message: `names ${use}, which is neither a model nor an alias that leads to one` }))
}
