import type { ChatEvent, ReplySink } from '@tollgate/kernel'
import type { AttemptDeadlines, UpstreamCall } from './domain/adapter'

/** The credential of every scripted call: no reason, cause or word may ever hold it. */
export const SECRET = 'sk-live-0123456789abcdef'

const LIMITS: AttemptDeadlines = { connectMs: 2_000, firstByteMs: 5_000, idleMs: 5_000, totalMs: 20_000 }

/** What a spec changes of a scripted call. */
export type Overrides = Partial<UpstreamCall> & {
  readonly stream?: boolean
  readonly limits?: Partial<AttemptDeadlines>
  readonly parameters?: Readonly<Record<string, unknown>>
}

/** A call for specs, with time limits long enough never to matter unless a spec shortens them. */
export function callTo(baseUrl: string, provider: string, model: string, { stream = true, limits, parameters = {}, ...over }: Overrides = {}): UpstreamCall {
  return {
    target: { hostId: 'h1', hostName: 'one', region: 'eu', provider, baseUrl, secret: SECRET, model },
    request: { model: 'public', messages: [{ role: 'user', content: 'Hi' }], stream, maxTokens: null, project: null, parameters, bodyBytes: 40 },
    maxTokens: 100,
    requestId: '0198f0aa-0000-7000-8000-000000000001',
    signal: new AbortController().signal,
    deadlines: { ...LIMITS, ...limits },
    ...over,
  }
}

/** A reader that keeps what it gets, and is as slow as a spec wants. */
export class Sink implements ReplySink {
  readonly events: ChatEvent[] = []
  resume: (() => void) | null = null
  accepts = true
  onFirst = () => {}

  push(event: ChatEvent): boolean {
    this.events.push(event)
    if (this.events.length === 1) this.onFirst()
    return this.accepts
  }
  onDrain(resume: () => void): void {
    this.resume = resume
  }
  get text(): string {
    return this.events.map((event) => (event.kind === 'text' ? event.text : '')).join('')
  }
}
