import type { TokenLogprob } from '@tollgate/kernel'
import { asObject } from './reply'

const MOST_ALTERNATIVES = 20

/** The log probabilities of a piece of text: a list of tokens, as OpenAI and Ollama write it. Undefined when there is none. */
export function readLogprobs(list: unknown): TokenLogprob[] | undefined {
  if (!Array.isArray(list) || list.length === 0) return undefined
  return list.flatMap((item) => {
    const token = readToken(item)
    const others = asObject(item)?.top_logprobs
    return token ? [{ ...token, top_logprobs: Array.isArray(others) ? others.slice(0, MOST_ALTERNATIVES).flatMap((other) => readToken(other) ?? []) : [] }] : []
  })
}

/** Ollama leaves out the bytes of an empty token. */
function readToken(value: unknown): Omit<TokenLogprob, 'top_logprobs'> | null {
  const { token, logprob, bytes } = asObject(value) ?? {}
  if (typeof token !== 'string' || typeof logprob !== 'number') return null
  return { token, logprob, bytes: Array.isArray(bytes) ? bytes.filter((byte): byte is number => typeof byte === 'number') : token === '' ? [] : null }
}
