import type { Agent } from 'undici'
import { eventually } from '../support/eventually'
import type { FleetRig, Post } from './fleet-rig'

/**
 * How a call ended for its client, who does what a load balancer and the usual SDKs do: nothing came back (refused, reset) →
 * the other gateway; 429, 502, 503 or 504 → again after `Retry-After`, three tries in all that were answered. Those that
 * Redis was away for do not count: 503 is what was promised for them, for as long as the machine takes to bring it back.
 * - `served`: the answer came whole.
 * - `cut`: a part of it had come when the process that served it, gateway or host, was killed. Nobody may send such a call
 *   again for its client (routing.md), and no host was left that could have served what had begun: not counted.
 * - `failed`: everything else.
 */
export interface FleetOutcome {
  readonly end: 'served' | 'cut' | 'failed'
  readonly rid: string | null
  readonly tries: number
  /** What the client saw of each try, with the time that it took. */
  readonly seen: readonly string[]
}

/** A call to be made. */
export interface FleetCall {
  readonly model: string
  readonly isStream: boolean
  readonly words: number
  /** The answer is cut there. */
  readonly maxTokens?: number
  /** Its answer begins, or ends. */
  readonly told?: (is: 'open' | 'ended') => void
}

interface Answer {
  readonly kind: 'whole' | 'broken' | 'refused' | 'nothing'
  readonly rid: string | null
  readonly host: string | null
  readonly retryAfterMs: number
  readonly told: string
}

const ANSWERED_TRIES = 3
const MOST_TRIES = 20
const PAUSE_MS = 100
const BILLED_WITHIN_MS = 60_000
const PASSING = [429, 502, 503, 504]

/** Makes one call, beginning at gateway number `first`. Never rejects. */
export async function callFleet(rig: FleetRig, key: string, call: FleetCall, first: number, agent: Agent): Promise<FleetOutcome> {
  let answered = 0
  const seen: string[] = []
  for (let tries = 1; tries <= MOST_TRIES; tries++) {
    const gateway = rig.gateways[(first + tries - 1) % rig.gateways.length]!
    const startedAtMs = performance.now()
    const answer = await ask(gateway.url, key, call, agent)
    seen.push(`${gateway.process.name}, ${Math.round(performance.now() - startedAtMs)} ms: ${answer.told}`)
    if (answer.kind === 'whole') return { end: 'served', rid: answer.rid, tries, seen }
    if (answer.kind === 'broken') {
      const killers = [gateway, ...(answer.host === null ? [] : [rig.hosts.get(answer.host)!])]
      return { end: killers.some((post) => diedWithin(post, startedAtMs)) ? 'cut' : 'failed', rid: answer.rid, tries, seen }
    }
    if (answer.kind === 'refused' && !wasAway(rig.redisDeaths, startedAtMs) && ++answered === ANSWERED_TRIES) break
    await new Promise((resolve) => setTimeout(resolve, answer.kind === 'refused' ? answer.retryAfterMs : PAUSE_MS))
  }
  return { end: 'failed', rid: null, tries: seen.length, seen }
}

/** Whole answers that have not exactly one usage row, completed, once the worker has caught up. */
export async function unbilled({ postgres }: FleetRig, outcomes: readonly FleetOutcome[]): Promise<number> {
  const rids = outcomes.flatMap(({ end, rid }) => (end === 'served' ? [rid!] : []))
  return postgres.withOwner(async (owner) => {
    let left = rids.length
    const look = async () => {
      const { rows } = await owner.query<{ rows: number; rids: number }>(`SELECT count(*)::int AS rows, count(DISTINCT rid)::int AS rids FROM usage WHERE rid = ANY ($1::uuid[]) AND status = 'completed'`, [rids])
      left = rids.length - rows[0]!.rids + (rows[0]!.rows - rows[0]!.rids)
      if (left > 0) throw new Error(`${left} answers are not billed once`)
    }
    await eventually(look, { timeoutMs: BILLED_WITHIN_MS }).catch(() => undefined)
    return left
  })
}

function wasAway(deaths: FleetRig['redisDeaths'], sinceMs: number): boolean {
  return deaths.some(({ toMs }) => toMs >= sinceMs)
}

function diedWithin({ deaths }: Post, startedAtMs: number): boolean {
  return deaths.some(({ fromMs }) => fromMs >= startedAtMs && fromMs <= performance.now())
}

async function ask(url: string, key: string, { model, isStream, words, maxTokens, told }: FleetCall, agent: Agent): Promise<Answer> {
  let rid: string | null = null
  let host: string | null = null
  let text = ''
  try {
    const body = JSON.stringify({ message: Array.from({ length: words }, (_, index) => `q${index}`).join(' '), model, stream: isStream, max_tokens: maxTokens })
    // Not `fetch`: at hundreds of calls a second it would take a tenth of what the fleet has.
    const response = await agent.request({ origin: url, path: '/chat', method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body })
    const header = (name: string) => response.headers[name]?.toString() ?? null
    rid = header('x-request-id')
    host = header('x-tollgate-host')
    const answered = { rid, host, retryAfterMs: 1_000 * Number(header('retry-after') ?? 1) }
    if (response.statusCode !== 200) return { ...answered, kind: PASSING.includes(response.statusCode) ? 'refused' : 'broken', told: `${response.statusCode} ${await response.body.text()}` }
    for await (const piece of response.body.setEncoding('utf8')) {
      if (text === '') told?.('open')
      text += piece as string
    }
    told?.('ended')
    const isWhole = isStream ? text.trimEnd().endsWith('data: [DONE]') : JSON.parse(text) !== null
    return { ...answered, kind: isWhole ? 'whole' : 'broken', told: text.slice(-200) }
  } catch (error) {
    const { message, cause } = error as Error
    return { kind: text === '' ? 'nothing' : 'broken', rid, host, retryAfterMs: 0, told: `${message}: ${String(cause)}` }
  }
}
