import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** Everything one call adds to the metrics, counted when it ends. */
export interface CallMeasure {
  readonly surface: string
  readonly outcome: string
  readonly durationMs: number
  readonly firstEventMs: number | null
  readonly promptTokens: number
  readonly completionTokens: number
  readonly costPico: bigint
}

/** The process's metrics (stack.md, Prometheus names). Labels are bounded: no tenant, no model names from callers. */
export class Metrics {
  readonly registry = new Registry()
  private readonly requests = new Counter({ name: 'tollgate_requests_total', help: 'Finished calls', labelNames: ['surface', 'outcome'], registers: [this.registry] })
  private readonly duration = new Histogram({ name: 'tollgate_request_duration_seconds', help: 'Duration of calls', labelNames: ['surface'], buckets: [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60], registers: [this.registry] })
  private readonly firstToken = new Histogram({ name: 'tollgate_time_to_first_token_seconds', help: 'Time to the first event of an upstream', buckets: [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30], registers: [this.registry] })
  private readonly tokens = new Counter({ name: 'tollgate_tokens_total', help: 'Metered tokens', labelNames: ['direction'], registers: [this.registry] })
  private readonly cost = new Counter({ name: 'tollgate_cost_micros_total', help: 'Charged amount in millionths of the currency', registers: [this.registry] })
  private readonly refusals = new Counter({ name: 'tollgate_refusals_total', help: 'Refused calls by code of the error catalogue', labelNames: ['code'], registers: [this.registry] })
  private readonly upstream = new Counter({ name: 'tollgate_upstream_requests_total', help: 'Attempts at upstreams', labelNames: ['region', 'host', 'outcome'], registers: [this.registry] })
  private readonly gauges = new Map<string, Gauge>()

  call(measure: CallMeasure): void {
    this.requests.inc({ surface: measure.surface, outcome: measure.outcome })
    this.duration.observe({ surface: measure.surface }, measure.durationMs / 1000)
    if (measure.firstEventMs !== null) this.firstToken.observe(measure.firstEventMs / 1000)
    this.tokens.inc({ direction: 'prompt' }, measure.promptTokens)
    this.tokens.inc({ direction: 'completion' }, measure.completionTokens)
    this.cost.inc(Number(measure.costPico / 1_000_000n))
  }

  refusal(code: string): void {
    this.refusals.inc({ code })
  }

  attempt(region: string, host: string, outcome: string): void {
    this.upstream.inc({ region, host, outcome })
  }

  /** Sets a named figure of the process, e.g. `tollgate_settlement_ring`. */
  gauge(name: string, help: string, value: number): void {
    let gauge = this.gauges.get(name)
    if (!gauge) {
      gauge = new Gauge({ name, help, registers: [this.registry] })
      this.gauges.set(name, gauge)
    }
    gauge.set(value)
  }
}
