import type { CallTotals } from './health.store'

/** How a call to a target ended; `error` is set for failures that count against it. */
export interface CallOutcome {
  readonly blames: 'ok' | 'host' | 'deployment' | 'nobody'
  readonly error: string | null
  readonly latencyMs: number
  /** How long the host loaded the model for it, where it says so. */
  readonly loadMs?: number | null
  /** Time to its first event; null where it was answered as a whole, or not at all. */
  readonly firstMs?: number | null
  /** Set where the provider took no call: what it asked to be given, or null. */
  readonly refused?: { readonly retryAfterMs: number | null }
  /** Tokens it used, where they are known. */
  readonly tokens?: number | null
}

/** Calls that ended since the last sending, added up by host and model. */
export class CallCounts {
  private readonly hosts = new Map<string, Map<string, CallTotals>>()

  /** @param error null = it succeeded */
  add(hostId: string, model: string, error: string | null, latencyMs: number, nowMs: number): void {
    let models = this.hosts.get(hostId)
    if (!models) this.hosts.set(hostId, (models = new Map()))
    const so = models.get(model) ?? { model, total: 0, failed: 0, latencyMs: 0, lastUsedMs: 0, lastError: null, lastErrorMs: 0 }
    const failure = error === null ? { lastError: so.lastError, lastErrorMs: so.lastErrorMs } : { lastError: error, lastErrorMs: nowMs }
    models.set(model, { model, total: so.total + 1, failed: so.failed + (error === null ? 0 : 1), latencyMs: so.latencyMs + latencyMs, lastUsedMs: nowMs, ...failure })
  }

  /** Hands everything over, host by host. Statistics, not money: what cannot be sent is lost. */
  async send(to: (hostId: string, totals: readonly CallTotals[]) => Promise<void>): Promise<void> {
    for (const [hostId, models] of this.hosts) {
      this.hosts.delete(hostId)
      await to(hostId, [...models.values()])
    }
  }
}
