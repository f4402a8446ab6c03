import type { IncomingHttpHeaders } from 'node:http'
import type { Behaviour } from './behaviour'
import type { SandboxClock } from './clock'
import type { JsonObject } from './json'
import type { ModelShelf } from './model-shelf'

/** Which server a host plays. */
export type Dialect = 'ollama' | 'openai' | 'openrouter' | 'vllm' | 'llamacpp' | 'anthropic'

/** The part of a host an answer may depend on. */
export interface Stage {
  readonly name: string
  readonly region: string
  readonly dialect: Dialect
  /** Answers begin with `[sandbox <region>]` and say that no model is behind them. */
  readonly announce: boolean
  readonly apiKey: string | undefined
  /** Words of an answer when nothing says otherwise. */
  readonly words: number
  readonly shelf: ModelShelf
  readonly clock: SandboxClock
  /** How often each behaviour has been asked for, for those that change from one request to the next. */
  readonly turns: Map<string, number>
  /** What answers cost, by the name a router gives each; told when asked for. */
  readonly generations: Map<string, Generation>
  /** Sequence of ids, so that the same requests in the same order get the same ids. */
  nextId(): number
}

/** What a router tells of an answer afterwards, from a moment on. */
export interface Generation {
  readonly model: string
  readonly cost: number
  readonly promptTokens: number
  readonly completionTokens: number
  readonly knownAtMs: number
}

/** One request ready to be answered. */
export interface Scene {
  readonly stage: Stage
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** What follows the question mark; empty without one. */
  readonly query: string
  readonly headers: IncomingHttpHeaders
  readonly raw: Buffer
  /** The parsed body; an empty object when there was none. */
  readonly body: JsonObject
  /** Set when the body was no JSON. */
  readonly isBroken: boolean
  readonly behaviour: Behaviour
}
