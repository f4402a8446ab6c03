import type { Ask } from './ask'
import { setting, type Behaviour } from './behaviour'
import { sampleOf } from './json-sample'
import type { ModelCard } from './model-card'
import type { Stage } from './scene'

/** A tool call the simulator makes up. */
export interface Call {
  name: string
  arguments: Record<string, unknown>
}

/** What is generated for one ask: one piece is one token, calls are 6 each, and a full stop adds the end token. */
export interface Answer {
  thinking: string[]
  content: string[]
  /** Content cycles for ever. */
  isEndless: boolean
  refusal: boolean
  calls: Call[]
  finish: 'stop' | 'length' | 'tool_calls'
  promptTokens: number
  /** All completion tokens, thinking and end token included. */
  tokens: number
}

/** Completion tokens one call counts, as a real server counted for `get_weather {"city":"Paris"}`. */
export const TOKENS_A_CALL = 6

const THINKING = ['weighing', 'it', 'up'].map((word) => ` ${word}`)
const TEXT_OF_SPLIT = 'héllo — 你好 🙂'
const TEXT_OF_INJECT =
  'data: [DONE]\n\n {"done":true}\n event: error\ndata: {"error":{"message":"no"}}\n\n a\u2028b\u2029c \u0000 \ud800 \\u0000 </script> end'
const LONG_BYTES = 8 * 1024 * 1024
const BURST_WORDS = 10_000
const ECHO_CHARACTERS = 200
const PIECE = /\s*\S+(?:\s+$)?/g

const wordCache = new Map<number, string[]>()

/** The pieces `w1`, ` w2`, … of an answer of `count` words. */
function wordPieces(count: number): string[] {
  const known = wordCache.get(count)
  if (known) return known
  const pieces = Array.from({ length: Math.max(0, count) }, (_, index) => (index === 0 ? 'w1' : ` w${index + 1}`))
  if (wordCache.size < 64) wordCache.set(count, pieces)
  return pieces
}

/** Cuts a text into pieces of one word each, blanks kept in front; joined they are the text again. */
export function pieces(text: string): string[] {
  return text.match(PIECE) ?? []
}

function announcement(ask: Ask): string {
  const heard = Array.from(ask.lastUser)
  const echo = heard.length > ECHO_CHARACTERS ? `${heard.slice(0, ECHO_CHARACTERS).join('')}…` : ask.lastUser
  return `This is a simulator, not a model: nothing was thought and nothing was generated. You wrote: ${echo}`
}

function bodyOf(ask: Ask, behaviour: Behaviour, stage: Stage): string[] {
  const { name, params } = behaviour
  const words = setting(behaviour, 'words', name === 'burst' ? BURST_WORDS : stage.words)
  if (name === 'empty') return []
  if (params.text !== undefined) return pieces(params.text)
  // A call of a tool by name: then the tool has the word, and a tool that was not offered is a word of ours.
  if (params.call !== undefined) return pieces(ask.toolAnswers.at(-1) ?? `no tool is named ${params.call}`)
  if (name === 'split') return pieces(TEXT_OF_SPLIT)
  if (name === 'inject') return pieces(TEXT_OF_INJECT)
  if (name === 'long-line') return ['x'.repeat(setting(behaviour, 'bytes', LONG_BYTES))]
  if (name === 'think-raw') return pieces(`<think>${THINKING.join('')} </think> ${wordPieces(words).join('')}`)
  if (ask.schema !== undefined) return pieces(JSON.stringify(sampleOf(ask.schema)))
  if (name === 'json') return pieces('{"ok": true}')
  if (stage.announce && params.words === undefined) return pieces(announcement(ask))
  return wordPieces(words)
}

function contentOf(ask: Ask, behaviour: Behaviour, stage: Stage): string[] {
  const body = bodyOf(ask, behaviour, stage)
  if (!stage.announce) return body
  const [first = '', ...rest] = body
  return [...pieces(`[sandbox ${stage.region}]`), ` ${first}`, ...rest].filter((piece) => piece.trim() !== '')
}

const TWO_CALLS = new Set(['tool-parallel', 'tool-same-index', 'tool-reordered'])

/** Models of our recordings act out their name: `tool` calls, `think` thinks; others do so when asked. */
function baseName(card: ModelCard): string {
  return card.name.slice(0, card.name.indexOf(':'))
}

function callsOf(ask: Ask, behaviour: Behaviour, card: ModelCard): Call[] {
  const isCaller = behaviour.name.startsWith('tool') || baseName(card) === 'tool'
  const first = ask.toolNames[0]
  if (!isCaller || first === undefined || ask.toolAnswers.length >= setting(behaviour, 'times', 1)) return []
  const { call, args, call2, args2 } = behaviour.params
  if (call !== undefined && !ask.toolNames.includes(call)) return []
  const calls: Call[] = [{ name: call ?? first, arguments: argumentsOf(args, 'Paris') }]
  if (TWO_CALLS.has(behaviour.name)) calls.push({ name: call2 ?? ask.toolNames[1] ?? first, arguments: argumentsOf(args2, 'Rome') })
  return calls
}

function argumentsOf(text: string | undefined, city: string): Record<string, unknown> {
  return text === undefined ? { city } : (JSON.parse(text) as Record<string, unknown>)
}

function thinkingOf(ask: Ask, behaviour: Behaviour, card: ModelCard): string[] {
  if (behaviour.name === 'think') return THINKING
  const isThinker = card.capabilities.includes('thinking') && baseName(card) !== 'sim-model'
  if (ask.think === true && card.capabilities.includes('thinking')) return THINKING
  return isThinker && ask.think === undefined ? THINKING : []
}

function limitFor(ask: Ask, behaviour: Behaviour): number {
  if (behaviour.name === 'endless') return Infinity
  return behaviour.name === 'length' ? Math.min(ask.limit, setting(behaviour, 'tokens', 5)) : ask.limit
}

/** Makes up the answer to an ask: the same ask and behaviour always give the same one. */
export function answerTo(ask: Ask, behaviour: Behaviour, stage: Stage, card: ModelCard): Answer {
  const calls = callsOf(ask, behaviour, card)
  let thinking = calls.length > 0 ? (behaviour.params.thinks === undefined ? [] : THINKING) : thinkingOf(ask, behaviour, card)
  let content = calls.length > 0 ? pieces(behaviour.params.say ?? '') : contentOf(ask, behaviour, stage)
  const limit = limitFor(ask, behaviour)
  const made = thinking.length + content.length + calls.length * TOKENS_A_CALL
  const isCut = made >= limit
  if (isCut && calls.length === 0) {
    thinking = thinking.slice(0, limit)
    content = content.slice(0, limit - thinking.length)
  }
  const isCallCut = isCut && calls.length > 0
  return {
    thinking,
    content,
    isEndless: behaviour.name === 'endless',
    refusal: behaviour.name === 'refusal',
    calls: isCallCut ? [] : calls,
    finish: isCut ? 'length' : calls.length > 0 ? 'tool_calls' : 'stop',
    promptTokens: ask.promptTokens,
    tokens: behaviour.name === 'empty' ? 0 : isCut ? limit : made + 1,
  }
}

/** The content's pieces in order, for ever when the answer is endless. */
export function* contentPieces(answer: Answer): Generator<string> {
  yield* answer.content
  while (answer.isEndless) for (const piece of answer.content) yield piece.startsWith(' ') ? piece : ` ${piece}`
}
