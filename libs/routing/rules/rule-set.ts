import type { PromptFeatures, Vocabulary } from './prompt-features'

/** Temperatures by task (product.md 2.2): a rule that names a task sets this one where the caller gave none. */
export const TASK_TEMPERATURES = { factual: 0.2, code: 0.3, analysis: 0.4, chat: 0.6, creative: 0.85, brainstorm: 1 } as const

/** A task of the presets. */
export type Task = keyof typeof TASK_TEMPERATURES

/** What a rule asks of a prompt; every condition that is named must hold. None named = always. */
export interface RuleCondition {
  /** Any of these words or phrases, whole (`findWords`). */
  readonly any_words?: readonly string[]
  /** Any of these literal substrings. */
  readonly contains?: readonly string[]
  readonly fewer_words_than?: number
  readonly fewer_characters_than?: number
  readonly fewer_tokens_than?: number
  readonly language?: string
  /** Slug of the project of the call. */
  readonly project?: string
}

/** The model or alias to use; `default` is what the caller gets without naming a model. */
export interface RuleChoice {
  readonly use: string
  readonly task?: Task
}

/** One rule of a set. */
export interface Rule extends RuleChoice {
  readonly name: string
  readonly when: RuleCondition
}

/** An ordered list of rules: the first that matches wins, `otherwise` when none does. */
export interface RuleSet {
  readonly name: string
  readonly rules: readonly Rule[]
  readonly otherwise: RuleChoice
}

/** What a set says of a prompt. `rule` is `set/rule`; `because` a part of a sentence. */
export interface RuleMatch extends RuleChoice {
  readonly rule: string
  readonly because: string
}

/** First match wins. Pure; works on features alone, so a past period can be tried as well as a call. */
export function matchRules(set: RuleSet, features: PromptFeatures): RuleMatch {
  for (const rule of set.rules) {
    const because = reasonOf(rule.when, features)
    if (because !== null) return { use: rule.use, task: rule.task, rule: `${set.name}/${rule.name}`, because }
  }
  return { ...set.otherwise, rule: `${set.name}/default`, because: 'no rule matches' }
}

/** Everything the rules of some sets look for. */
export function vocabularyOf(sets: Iterable<RuleSet>): Vocabulary {
  const rules = [...sets].flatMap((set) => set.rules)
  return { words: [...new Set(rules.flatMap(({ when }) => when.any_words ?? []))], literals: [...new Set(rules.flatMap(({ when }) => when.contains ?? []))] }
}

/** Why a condition holds, in words; null when it does not. */
function reasonOf(when: RuleCondition, features: PromptFeatures): string | null {
  const reasons: string[] = []
  for (const [listed, known] of [[when.any_words, features.matched], [when.contains, features.contained]] as const) {
    if (!listed) continue
    const found = listed.find((text) => known.includes(text))
    if (found === undefined) return null
    reasons.push(`it has "${found}"`)
  }
  for (const [most, count, unit] of [[when.fewer_words_than, features.words, 'words'], [when.fewer_characters_than, features.characters, 'characters'], [when.fewer_tokens_than, features.tokens, 'tokens']] as const) {
    if (most === undefined) continue
    if (count >= most) return null
    reasons.push(`it has fewer than ${most} ${unit}`)
  }
  for (const [wanted, is, what] of [[when.language, features.language, 'language'], [when.project, features.project, 'project']] as const) {
    if (wanted === undefined) continue
    if (wanted !== is) return null
    reasons.push(`its ${what} is ${wanted}`)
  }
  return reasons.length === 0 ? 'it always matches' : reasons.join(' and ')
}
