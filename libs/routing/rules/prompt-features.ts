import type { ChatMessage } from '@tollgate/kernel'
import { countCjk, countScripts, detectLanguage } from './script'
import { findWords } from './word-list'

/** What rules look for in a text, beyond its measures. */
export interface Vocabulary {
  readonly words: readonly string[]
  /** Literal substrings, such as "?". */
  readonly literals: readonly string[]
}

/**
 * What rules decide by, and all that is ever kept of a prompt: measures, words of known lists, language, project. Never
 * text. The measures but `tokens` are of the last user message; that is where the wish stands.
 */
export interface PromptFeatures {
  readonly characters: number
  readonly words: number
  /** Estimated, of all messages: the model reads them all. */
  readonly tokens: number
  readonly language: string | null
  readonly project: string | null
  /** Words of the vocabulary that were found. */
  readonly matched: readonly string[]
  /** Literals of the vocabulary that were found. */
  readonly contained: readonly string[]
}

/** Words are looked for, and language is told, in the first and last so many characters: a megabyte costs no more than this. */
const SCANNED_AT_EACH_END = 8_192
const LATIN_PER_TOKEN = 4

/** Names and codes of languages that callers use for those the shipped rules know. Any other stands for itself. */
const LANGUAGES: Readonly<Record<string, string>> = { en: 'english', zh: 'chinese', ja: 'japanese', jp: 'japanese', programming: 'code', mixed: 'multilingual', multi: 'multilingual' }

/** Measures a prompt. A language that the caller names wins over detection. Linear in the messages. */
export function promptFeatures(messages: readonly ChatMessage[], given: { readonly language?: string | null; readonly project: string | null }, vocabulary: Vocabulary): PromptFeatures {
  const text = wishOf(messages)
  const scanned = scannedPart(text)
  const scripts = countScripts(text)
  return {
    characters: text.length > 2 * SCANNED_AT_EACH_END ? text.length : [...text].length,
    words: scripts.words,
    tokens: messages.reduce((sum, message) => sum + textsOf(message).reduce((tokens, part) => tokens + estimatedTokens(part), 0), 0),
    language: given.language ? namedLanguage(given.language) : detectLanguage(scanned, text === scanned ? scripts : undefined),
    project: given.project,
    matched: findWords(scanned, vocabulary.words),
    contained: vocabulary.literals.filter((literal) => scanned.includes(literal)),
  }
}

/** Tokens of a text: a character of Han or Kana is one, of all else four are. An estimate, for choosing only. */
function estimatedTokens(text: string): number {
  const cjk = countCjk(text)
  return Math.ceil((text.length - cjk) / LATIN_PER_TOKEN) + cjk
}

/** "EN-gb" → english; what is no known name or code stays as it is, in lower case. */
function namedLanguage(language: string): string {
  const folded = language.trim().toLowerCase()
  return LANGUAGES[folded.split(/[-_]/)[0]!] ?? folded
}

function wishOf(messages: readonly ChatMessage[]): string {
  const last = messages.findLast(({ role }) => role === 'user') ?? messages.at(-1)
  return last ? textsOf(last).join('\n') : ''
}

function textsOf({ content }: ChatMessage): string[] {
  if (typeof content === 'string') return [content]
  return (content ?? []).flatMap((part) => (part.type === 'text' && typeof part.text === 'string' ? [part.text] : []))
}

function scannedPart(text: string): string {
  return text.length <= 2 * SCANNED_AT_EACH_END ? text : `${text.slice(0, SCANNED_AT_EACH_END)}\n${text.slice(-SCANNED_AT_EACH_END)}`
}
