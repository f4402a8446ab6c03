/** What a call that is one of several for one request of a client tells of them, in its trace under `of`. */
export interface PartNote {
  readonly of: 'tools' | 'consensus'
  /** JSON: names, numbers and sentences of ours. */
  explanation(): Record<string, unknown>
  /** Takes over when the trace is kept. */
  hold(keep: () => void): void
}

/** The note of the first of several calls: it tells of all of them, so its trace waits for the last. */
export abstract class LeadNote implements PartNote {
  abstract readonly of: PartNote['of']
  private keep: (() => void) | null = null

  abstract explanation(): Record<string, unknown>

  hold(keep: () => void): void {
    this.keep = keep
  }

  /** All calls are over: the trace is kept. */
  release(): void {
    this.keep?.()
    this.keep = null
  }

  /** The note of a later call: what it is, and whose. @param requestId of the first */
  protected noteOf(requestId: string, what: Record<string, unknown>): PartNote {
    return { of: this.of, explanation: () => ({ ...what, of: requestId }), hold: (keep) => keep() }
  }
}
