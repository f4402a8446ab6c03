export { promptFeatures, type PromptFeatures } from './prompt-features'
export { matchRules, vocabularyOf, TASK_TEMPERATURES, type Rule, type RuleMatch, type RuleSet } from './rule-set'
