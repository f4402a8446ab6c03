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

/** A call of an operator's tool. `server` is a name of the operator's file, `tool` one that the server lists. */
export interface ToolMeasure {
  readonly server: string
  readonly tool: string
  readonly outcome: string
  readonly durationMs: number
}

/** Tools of a server with a label of their own: a server may list others every minute. */
const MOST_TOOL_LABELS = 64

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
  private readonly alarms = new Counter({ name: 'tollgate_upstream_alarms_total', help: 'Attempts at hosts that a person must put right, or that told usage nobody can believe', labelNames: ['region', 'host', 'alarm'], registers: [this.registry] })
  private readonly tools = new Counter({ name: 'tollgate_tool_calls_total', help: 'Calls of tools of operators\' servers', labelNames: ['server', 'tool', 'outcome'], registers: [this.registry] })
  private readonly toolDuration = new Histogram({ name: 'tollgate_tool_duration_seconds', help: 'Duration of tool calls', labelNames: ['server'], buckets: [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60], registers: [this.registry] })
  private readonly toolServers = new Counter({ name: 'tollgate_tool_server_events_total', help: 'Connections to tool servers made, and their failures by kind', labelNames: ['server', 'event'], registers: [this.registry] })
  private readonly toolLabels = new Map<string, Set<string>>()
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

  /** @param alarm one of a closed list (libs/chat, upstream-watch) */
  upstreamAlarm(region: string, host: string, alarm: string): void {
    this.alarms.inc({ region, host, alarm })
  }

  toolCall({ server, tool, outcome, durationMs }: ToolMeasure): void {
    const known = this.toolLabels.get(server) ?? new Set()
    this.toolLabels.set(server, known)
    if (known.size < MOST_TOOL_LABELS) known.add(tool)
    this.tools.inc({ server, tool: known.has(tool) ? tool : 'other', outcome })
    this.toolDuration.observe({ server }, durationMs / 1000)
  }

  /** A connection to a tool server was made, or is gone. */
  toolServer(server: string, event: string): void {
    this.toolServers.inc({ server, event })
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
