import type { LogEntry, SandboxHost } from '../../apps/sandbox/src'

/** As much of a log line as counts. */
type UpstreamEntry = Pick<LogEntry, 'seq' | 'host' | 'method' | 'request_id' | 'arrived_at' | 'ended_at' | 'end' | 'model' | 'body' | 'prompt_tokens' | 'completion_tokens' | 'generated_tokens'>

/** Prices of a stack (test/support/stack.ts), in pico a token. */
export const PRICE = { input: 1_000_000n, output: 2_000_000n }

interface Attempt {
  readonly host: string
  readonly seq: number
  readonly arrivedAtMs: number
  readonly endedAtMs: number
  readonly end: string
  readonly model: string
  readonly isStream: boolean
  readonly tokens: number
  readonly pico: bigint
}

/** What upstreams produced, in pico, by request id; more than one attempt adds up in `all`. */
export class UpstreamTruth {
  private readonly attempts = new Map<string, Attempt[]>()

  constructor(readonly price: { input: bigint; output: bigint } = PRICE) {}

  /** Reads the hosts' logs; the hosts keep every request (`keptRequests`), or it is called before one is dropped. */
  read(hosts: readonly SandboxHost[]): void {
    for (const host of hosts) for (const entry of host.log()) this.add(entry)
  }

  /** Takes one line of a sandbox's log; one it knows, or that still runs, is ignored. */
  add(entry: UpstreamEntry): void {
    if (entry.method !== 'POST' || entry.request_id === null || entry.end === null) return
    const known = this.attempts.get(entry.request_id) ?? []
    if (known.some((one) => one.host === entry.host && one.seq === entry.seq)) return
    const isCounted = entry.end !== 'refused' && entry.end !== 'dropped'
    const tokens = Math.max(entry.completion_tokens, entry.generated_tokens)
    const pico = isCounted ? BigInt(entry.prompt_tokens) * this.price.input + BigInt(tokens) * this.price.output : 0n
    known.push({ host: entry.host, seq: entry.seq, arrivedAtMs: entry.arrived_at, endedAtMs: entry.ended_at ?? Infinity, end: entry.end, model: entry.model, isStream: (entry.body as { stream?: unknown } | null)?.stream === true, tokens, pico })
    this.attempts.set(entry.request_id, known)
  }

  /** What all attempts of a call produced; nobody may be billed more. */
  all(rid: string): bigint {
    return (this.attempts.get(rid) ?? []).reduce((sum, { pico }) => sum + pico, 0n)
  }

  /** What the attempt that served produced: the last one that went to its end, or, broken off behind its last byte, the last of all. */
  whole(rid: string): bigint {
    const attempts = this.attempts.get(rid) ?? []
    const whole = attempts.filter(({ end }) => end === 'completed')
    return (whole.length > 0 ? whole : attempts).reduce<Attempt | null>((last, one) => (last && last.arrivedAtMs > one.arrivedAtMs ? last : one), null)?.pico ?? 0n
  }

  /** Output tokens of all attempts of a call. */
  tokens(rid: string): number {
    return (this.attempts.get(rid) ?? []).reduce((sum, { tokens }) => sum + tokens, 0)
  }

  /** When its last attempt ended, epoch ms. */
  endedAtMs(rid: string): number {
    return Math.max(...(this.attempts.get(rid) ?? []).map(({ endedAtMs }) => endedAtMs))
  }

  /** The model its first attempt asked for; empty when no upstream was asked. */
  model(rid: string): string {
    return this.attempts.get(rid)?.[0]?.model ?? ''
  }

  /** Whether its answer was streamed. */
  isStream(rid: string): boolean {
    return (this.attempts.get(rid) ?? []).some(({ isStream }) => isStream)
  }

  /** A call's attempts in words. */
  story(rid: string): string {
    return (this.attempts.get(rid) ?? []).map(({ host, end, tokens, pico }) => `${host} ${end} ${tokens} tokens ${pico} pico`).join(', ') || 'never asked'
  }

  get requestIds(): string[] {
    return [...this.attempts.keys()]
  }
}

/** Throws while a request still runs on a sandbox host. */
export function quietHosts(sandbox: { readonly hosts: readonly SandboxHost[] }): void {
  for (const host of sandbox.hosts) if (host.stats().active > 0) throw new Error(`${host.name} still runs ${host.stats().active}`)
}
