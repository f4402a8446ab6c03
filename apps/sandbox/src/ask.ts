import { isObject, listOf, objectOf, textOf, type JsonObject } from './json'

/** What a caller wants generated, whatever wire it came in on. */
export interface Ask {
  /** As the caller spelled it. */
  model: string
  isStream: boolean
  promptTokens: number
  /** Most completion tokens; Infinity when not said. */
  limit: number
  lastUser: string
  toolNames: string[]
  /** What tools have answered so far, in order; after the first no call is made again unless a behaviour says so. */
  toolAnswers: string[]
  /** A JSON Schema, `{}` for any JSON, undefined for plain text. */
  schema: JsonObject | undefined
  /** Undefined when the caller did not say. */
  think: boolean | undefined
  /** Alternatives to name per token; undefined when no log probabilities are asked for. */
  topLogprobs: number | undefined
  choices: number
  includeUsage: boolean
}

const TOKENS_A_MESSAGE = 3
const TOKENS_A_TOOL = 8
const WORD = /\S+/g

/** Words of a text, the sandbox's measure of tokens (catalogue, section A). */
export function countWords(text: string): number {
  return text.match(WORD)?.length ?? 0
}

/** The text of a message's content: a string, or the text parts of an array. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content
  return listOf(content)
    .map((part) => {
      const { text, content: inner } = objectOf(part)
      return textOf(text) ?? (inner === undefined ? '' : contentText(inner))
    })
    .join(' ')
}

/** 3 tokens a message, one a word of all contents, 8 a tool. */
export function countPrompt(messages: unknown[], tools: unknown[]): number {
  let tokens = tools.length * TOKENS_A_TOOL
  for (const message of messages) tokens += TOKENS_A_MESSAGE + countWords(contentText(objectOf(message).content))
  return tokens
}

/** The content of the last user message, or the empty text. */
export function lastUserText(messages: unknown[]): string {
  for (let index = messages.length - 1; index >= 0; index--) {
    const { role, content } = objectOf(messages[index])
    if (role === 'user') return contentText(content)
  }
  return ''
}

/** Names of the functions offered, in OpenAI's, Ollama's or Anthropic's shape. */
export function toolNamesOf(tools: unknown[]): string[] {
  return tools.map((tool) => {
    const { function: declared, name } = objectOf(tool)
    return textOf(objectOf(declared).name) ?? textOf(name) ?? 'unnamed'
  })
}

/** The tools' answers among the messages, as text. */
export function toolAnswersOf(messages: unknown[]): string[] {
  return messages.flatMap((message) => {
    const { role, content } = objectOf(message)
    if (role === 'tool') return [contentText(content)]
    return listOf(content).flatMap((part) => (isObject(part) && part.type === 'tool_result' ? [contentText([part])] : []))
  })
}

/** A limit as callers write it: only a positive number binds. */
export function limitOf(...candidates: unknown[]): number {
  const set = candidates.filter((value): value is number => typeof value === 'number' && value > 0)
  return set.length === 0 ? Infinity : Math.floor(Math.min(...set))
}
