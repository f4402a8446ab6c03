import { Agent, fetch, type Response } from 'undici'
import type { SeededTenant } from './seeding'

/** A call of mixed traffic, drawn from a seed. */
export interface MixedCall {
  readonly path: '/chat' | '/v1/chat/completions'
  readonly model: string
  readonly words: number
  readonly isStream: boolean
  /** Client leaves after so many pieces of body (streams, at least one) or milliseconds (whole answers); null = stays. */
  readonly leavesAfter: number | null
  readonly maxTokens?: number
  /** Which of the tenants calls; the next in turn when absent. */
  readonly tenant?: number
}

/** How a call looked to its client. */
export interface Outcome {
  readonly call: MixedCall
  /** Null when the client left, or was cut off, before a head came. */
  readonly rid: string | null
  /** Status 200 and the answer whole: a JSON body, or a stream with its terminal event. */
  readonly isCompleted: boolean
  readonly status: number | null
  /** The error code of a refusal. */
  readonly code: string | null
  /** Milliseconds of the driver's monotonic clock. */
  readonly startedAtMs: number
  readonly endedAtMs: number
  /** It was still waiting when the driver's patience ended. */
  readonly isHung: boolean
}

/** Calls by number: an array, or drawn as they are asked for. */
export interface Calls {
  at(index: number): MixedCall | undefined
}

/** No fault lasts so long that a call may take more. */
const PATIENCE_MS = 40_000
/** Nobody listens, or says to come back later: a client waits so long before its next call. */
const REFUSED_PAUSE_MS = 250

/** Upstream faults, as models that ask for them; a call of these is never whole, or comes whole from elsewhere. */
export const FAULTS = ['sim-reset-mid@after=3', 'sim-eof-mid@after=2', 'sim-err-line@after=3', 'sim-reset-first', 'sim-http500']
export const MODELS = ['phi3', 'llama3.2', ...FAULTS]

/** Models that give no usable count of what they made; such a call is billed by our own low count. */
export function isUncountable(model: string): boolean {
  return /usage-wrong@kind=(?!total)|no-usage|endless/.test(model)
}

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
  const startedAtMs = performance.now()
  const timer = call.leavesAfter !== null && !call.isStream ? setTimeout(() => leave.abort(), call.leavesAfter) : undefined
  let isHung = false
  const patience = setTimeout(() => {
    isHung = true
    leave.abort()
  }, PATIENCE_MS)
  let rid: string | null = null
  let status: number | null = null
  const outcome = (isCompleted: boolean, code: string | null): Outcome => ({ call, rid, status, code, isCompleted, startedAtMs, endedAtMs: performance.now(), isHung })
  try {
    const response = await fetch(url + call.path, { method: 'POST', dispatcher, signal: leave.signal, headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' }, body: JSON.stringify(bodyOf(call)) })
    rid = response.headers.get('x-request-id')
    status = response.status
    const text = await readAll(response, call.isStream ? call.leavesAfter : null)
    if (status !== 200) return outcome(false, codeIn(text))
    return outcome(call.isStream ? text.trimEnd().endsWith('data: [DONE]') : JSON.parse(text) !== null, null)
  } catch {
    return outcome(false, null)
  } finally {
    clearTimeout(timer)
    clearTimeout(patience)
    leave.abort()
  }
}

function bodyOf(call: MixedCall): object {
  const message = Array.from({ length: call.words }, (_, i) => `q${i}`).join(' ')
  const asked = { model: call.model, stream: call.isStream, ...(call.maxTokens === undefined ? {} : { max_tokens: call.maxTokens }) }
  return call.path === '/chat' ? { message, ...asked } : { messages: [{ role: 'user', content: message }], ...asked }
}

/** The code of an error body, of either surface. */
function codeIn(text: string): string | null {
  try {
    const body = JSON.parse(text) as { code?: string; error?: { code?: string } }
    return body.error?.code ?? body.code ?? null
  } catch {
    return null
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
export async function drive(calls: Calls, atOnce: number, urlOf: (index: number) => string, tenants: readonly Pick<SeededTenant, 'key'>[], isOver = () => false): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const agent = new Agent()
  let next = 0
  const client = async () => {
    for (let call: MixedCall | undefined; !isOver() && (call = calls.at(next)); ) {
      const index = next++
      const outcome = await makeCall(urlOf(index), tenants[call.tenant ?? index % tenants.length]!, call, agent)
      outcomes.push(outcome)
      if ((outcome.status === null && call.leavesAfter === null) || outcome.status === 503) await new Promise((resolve) => setTimeout(resolve, REFUSED_PAUSE_MS))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, client))
  await agent.destroy()
  return outcomes
}
