/** What a call that is one of several for one request of a client tells of them, in its trace under `of`. */
export interface PartNote {
  readonly of: 'tools' | 'consensus'
  /** Request id of the first of them, which is the client's; null where the call turns out to be the whole request. */
  readonly parentRid: string | null
  /** JSON: names, numbers and sentences of ours. */
  explanation(): Record<string, unknown>
  /** Takes over when the trace is kept. */
  hold(keep: () => void): void
}

/** The note of the first of several calls: it tells of all of them, so its trace waits for the last. */
export abstract class LeadNote implements PartNote {
  abstract readonly of: PartNote['of']
  private keep: (() => void) | null = null

  constructor(readonly parentRid: string | null) {}

  abstract explanation(): Record<string, unknown>

  hold(keep: () => void): void {
    this.keep = keep
  }

  /** All calls are over: the trace is kept. */
  release(): void {
    this.keep?.()
    this.keep = null
  }

  /** The note of a later call: what it is, and whose. */
  protected noteOf(what: Record<string, unknown>): PartNote {
    const { of, parentRid } = this
    return { of, parentRid, explanation: () => ({ ...what, of: parentRid }), hold: (keep) => keep() }
  }
}
