/** How a prompt and a caller's own system text come together: before it, or only where there is none. */
export type PromptMerge = 'before' | 'default'

/** A system prompt that an operator gives to models. `text` may hold `{{places}}`. */
export interface Prompt {
  readonly name: string
  readonly version: number
  readonly text: string
  readonly merge: PromptMerge
  /** Stands in where neither the caller nor a rule says one; null = says nothing. */
  readonly temperature: number | null
  readonly models: readonly string[]
}

/** What a template may name. Nothing of a caller's text: what is not ours to say goes into no system prompt. */
export const PLACES = ['model', 'tenant', 'project', 'date'] as const
/** A value for every place. */
export type PromptWords = Readonly<Record<(typeof PLACES)[number], string>>

const PLACE = /\{\{\s*([^{}]*?)\s*\}\}/g

/** Places of a template that mean nothing here, once each. */
export function unknownPlaces(text: string): string[] {
  const named = [...text.matchAll(PLACE)].map(([, name]) => name!)
  return [...new Set(named.filter((name) => !(PLACES as readonly string[]).includes(name)))]
}

/** The text with its places filled, in one pass: a value that looks like a place stays as it is. */
export function renderPrompt(text: string, words: PromptWords): string {
  return text.replace(PLACE, (whole, name: string) => words[name as keyof PromptWords] ?? whole)
}
