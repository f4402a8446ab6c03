import { Agent, fetch, type Response } from 'undici'
import type { SeededTenant } from '../support'

/** A call of mixed traffic, drawn from a seed. */
export interface MixedCall {
  readonly path: '/chat' | '/v1/chat/completions'
  readonly model: string
  readonly words: number
  readonly isStream: boolean
  /** Client leaves after so many pieces of body (streams, at least one) or milliseconds (whole answers); null = stays. */
  readonly leavesAfter: number | null
}

/** How a call looked to its client. */
export interface Outcome {
  readonly call: MixedCall
  /** Null when the client left, or was cut off, before a head came. */
  readonly rid: string | null
  /** Status 200 and the answer whole: a JSON body, or a stream with its terminal event. */
  readonly isCompleted: boolean
  readonly status: number | null
}

/** Upstream faults, as models that ask for them; a call of these is never whole, or comes whole from elsewhere. */
export const FAULTS = ['sim-reset-mid@after=3', 'sim-eof-mid@after=2', 'sim-err-line@after=3', 'sim-reset-first', 'sim-http500']
export const MODELS = ['phi3', 'llama3.2', ...FAULTS]

/** Random numbers below one that a seed repeats (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Draws traffic: half streams, both dialects, 5 % clients that leave, 5 % faults. */
export function mixedCalls(seed: number, count: number): MixedCall[] {
  const random = randomOf(seed)
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!
  return Array.from({ length: count }, () => {
    const model = random() < 0.05 ? pick(FAULTS) : pick(['phi3', 'llama3.2'])
    const isStream = random() < 0.5
    return {
      path: pick(['/chat', '/v1/chat/completions'] as const),
      model: random() < 0.5 ? `openai:${model}` : model,
      words: 1 + Math.floor(random() * 30),
      isStream,
      leavesAfter: random() < 0.05 ? 1 + Math.floor(random() * (isStream ? 12 : 40)) : null,
    }
  })
}

/** Makes one call and reads it as a client would. Never rejects. */
export async function makeCall(url: string, tenant: Pick<SeededTenant, 'key'>, call: MixedCall, dispatcher: Agent): Promise<Outcome> {
  const leave = new AbortController()
  const message = Array.from({ length: call.words }, (_, i) => `q${i}`).join(' ')
  const body = call.path === '/chat' ? { message, model: call.model, stream: call.isStream } : { messages: [{ role: 'user', content: message }], model: call.model, stream: call.isStream }
  const timer = call.leavesAfter !== null && !call.isStream ? setTimeout(() => leave.abort(), call.leavesAfter) : undefined
  let rid: string | null = null
  let status: number | null = null
  try {
    const response = await fetch(url + call.path, { method: 'POST', dispatcher, signal: leave.signal, headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })
    rid = response.headers.get('x-request-id')
    status = response.status
    const text = await readAll(response, call.isStream ? call.leavesAfter : null)
    return { call, rid, status, isCompleted: status === 200 && (call.isStream ? text.trimEnd().endsWith('data: [DONE]') : JSON.parse(text) !== null) }
  } catch {
    return { call, rid, status, isCompleted: false }
  } finally {
    clearTimeout(timer)
    leave.abort()
  }
}

async function readAll(response: Response, most: number | null): Promise<string> {
  let text = ''
  let pieces = 0
  const decoder = new TextDecoder()
  for await (const piece of response.body!) {
    text += decoder.decode(piece as Uint8Array, { stream: true })
    if (most !== null && ++pieces >= most) throw new Error('the client leaves')
  }
  return text
}

/**
 * Makes all calls, so many at a time, round robin over urls and tenants; `urlOf` is asked anew for each call. All
 * connections are closed at the end: one that never carried a request would hold up a server that closes.
 */
export async function drive(calls: readonly MixedCall[], atOnce: number, urlOf: (index: number) => string, tenants: readonly Pick<SeededTenant, 'key'>[], isOver = () => false): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const agent = new Agent()
  let next = 0
  const client = async () => {
    while (next < calls.length && !isOver()) {
      const index = next++
      outcomes.push(await makeCall(urlOf(index), tenants[index % tenants.length]!, calls[index]!, agent))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, client))
  await agent.destroy()
  return outcomes
}
