import type { ChatRequest, ErrorCode, FinishReason, ReplySink, Usage } from '@tollgate/kernel'

/** Time limits of one attempt, in milliseconds. A model load looks like no response at all, so the first byte has its own. */
export interface AttemptDeadlines {
  readonly connectMs: number
  /** From sending to the first byte. A call without a stream hears nothing until all is written: it has 4 × idleMs more. */
  readonly firstByteMs: number
  /** Between two bytes. Between two events it is four times this, so that comments alone keep nothing alive for ever. */
  readonly idleMs: number
  readonly totalMs: number
}

/** Where an attempt goes: a model on a host. Plain data; connections are kept per host by `platform/outbound`. */
export interface UpstreamTarget {
  readonly hostId: string
  readonly hostName: string
  readonly region: string
  /** Provider id, e.g. `ollama`, `openai`, `openrouter`, `vllm`: chooses adapter and quirks. */
  readonly provider: string
  readonly baseUrl: string
  /** Bearer credential in plain text, or null. Sent to this host only and never logged. */
  readonly secret: string | null
  /** The model's name as this host knows it. */
  readonly model: string
  /**
   * The operator's own settings of the deployment, never a tenant's (F62). Ollama: `keep_alive` and load-time options
   * such as `num_ctx`. Other dialects ignore them.
   */
  readonly settings?: Readonly<Record<string, unknown>>
}

/** One try at one deployment. */
export interface UpstreamCall {
  readonly target: UpstreamTarget
  readonly request: ChatRequest
  /** Upper bound of output tokens per choice: always sent upstream, and enforced here when the upstream ignores it. */
  readonly maxTokens: number
  /** Sent upstream as `x-request-id`. */
  readonly requestId: string
  /** Choices of the answer that other attempts gave already: keeps the ids of tool calls apart. */
  readonly firstChoice?: number
  /**
   * The tenant: whose prefix cache the call may share, where an upstream keeps them apart (vLLM; it is told a hash of it),
   * and whose connections it may use without a pause.
   */
  readonly cacheSpace?: string
  /** Told, as soon as it is known, under which name the provider can be asked later what this attempt cost. */
  readonly onGeneration?: (name: string) => void
  /** Aborted when the client leaves or the gateway stops the call. */
  readonly signal: AbortSignal
  readonly deadlines: AttemptDeadlines
}

/**
 * What a failure means for what happens next (routing.md, retry and fallback):
 * `not_dispatched` nothing was sent, try elsewhere; `refused` the host said no before working (429, 503, model missing),
 * try elsewhere; `ambiguous` bytes were sent and the outcome is unknown; `caller` the request itself is wrong, stop;
 * `misconfigured` the host refuses our credential or address, try elsewhere and alarm; `cut` after the first event;
 * `aborted` our own signal.
 */
export type FailureClass = 'not_dispatched' | 'refused' | 'ambiguous' | 'caller' | 'misconfigured' | 'cut' | 'aborted'

/** What a person must put right before a host serves again: its certificate, our credential, our account there, its address. */
export type UpstreamFault = 'certificate' | 'credential' | 'account' | 'address'

/** Why an attempt did not complete. Holds nothing of the upstream's own text but what `words` names as safe. */
export interface AttemptFailure {
  readonly class: FailureClass
  readonly code: ErrorCode
  readonly words: Readonly<Record<string, string | number>>
  /** Clamped to an hour; null when the upstream promised nothing readable. */
  readonly retryAfterMs: number | null
  /** Whose health suffers: the host, only this model on it, or nobody (4xx, 429, client abort). */
  readonly blames: 'host' | 'deployment' | 'nobody'
  /** Set where no retry and no waiting helps: the alarm to raise. */
  readonly alarm: UpstreamFault | null
  /** For our own log only: a short, secret-free description such as `http 503` or `connect ECONNREFUSED`. */
  readonly cause: string
}

/** Counts an upstream gave, each on its own: null = absent or unusable, which is not zero (F4). */
export interface ReportedCounts {
  readonly promptTokens: number | null
  readonly completionTokens: number | null
}

/** How an attempt ended. Adapters never reject for what an upstream does; a rejection is a bug of ours. */
export interface AttemptOutcome {
  /** Set exactly when the upstream finished with a terminal marker (or we cut it at `maxTokens`). */
  readonly finishReason: FinishReason | null
  /** The same of each choice that came: as many as there are. Fewer than asked for is no failure here. Empty with a failure. */
  readonly finishReasons: readonly FinishReason[]
  readonly failure: AttemptFailure | null
  /** The provider's own count when it gave a usable one; null = the caller of the adapter must estimate. */
  readonly usage: Usage | null
  /** What of the count is usable when `usage` is null because one half is missing; the other half is then estimated. */
  readonly reported: ReportedCounts
  /** The provider's usage object as received (bounded to 2 KiB of JSON), for proof. */
  readonly rawUsage: string | null
  /** Content events pushed to the sink: in a stream a lower bound of the tokens produced; 1 for a whole answer's text. */
  readonly pushedEvents: number
  /** Milliseconds from dispatch to the first event; null when there was none. */
  readonly firstEventMs: number | null
  /** The model the upstream says answered; null when it named none. May differ from the target's (`model_differs`). */
  readonly servedModel: string | null
  /** The caller's stop sequence that ended the answer; null when none did or the upstream does not tell (most do not). */
  readonly stopSequence: string | null
  /**
   * Odd but survivable things: `usage_implausible`, `usage_total_differs`, `cut_at_max_tokens`, `over_max_tokens`,
   * `usage_disputed` (more than twice what was delivered), `finish_reason_unknown`, `unasked_choice`, `unasked_tool_call`, `repeated_tool_call`, `model_differs`, `retried_stale_connection`.
   */
  readonly flags: readonly string[]
  /** One vector an input, for embeddings that completed; else null. */
  readonly vectors: readonly (readonly number[])[] | null
}

/** Speaks one dialect. Two exist: Ollama native and OpenAI-compatible. */
export interface ProviderAdapter {
  /**
   * Sends the request and pushes events to the sink as they arrive, pausing the upstream while `push` answers false.
   * Resolves when the upstream ended, failed or was aborted; the upstream socket is then closed or idle, or will be
   * within a second (an upstream that leaves its answer open after the terminal marker).
   */
  chat(call: UpstreamCall, sink: ReplySink): Promise<AttemptOutcome>
}
