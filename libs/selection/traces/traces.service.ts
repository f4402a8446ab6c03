import { Inject, Injectable } from '@nestjs/common'
import type { ChatMessage } from '@tollgate/kernel'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { LOGGER } from '@tollgate/platform/process'
import { promptFeatures, vocabularyOf, type PromptFeatures } from '@tollgate/routing/rules'
import { RuleSetsService } from '../rule-sets.service'
import { TraceStore, type RequestTrace } from './trace.store'

/** A request that ended: how to tell what was decided, and the prompt to measure; null = nothing to measure. */
export interface EndedRequest {
  readonly tenantId: string
  readonly rid: string
  readonly explain: () => Readonly<Record<string, unknown>>
  readonly prompt: { readonly messages: readonly ChatMessage[]; readonly language: string | undefined; readonly project: string | null } | null
}

/** Traces that wait for Postgres; more are dropped: they explain, they bill nothing. */
const MOST_WAITING = 5_000
/** Of one tenant between two writes, so that a flood of one does not drive out the others'. */
const MOST_OF_A_TENANT = 1_000
const MOST_A_WRITE = 500

/**
 * Keeps what was decided, off the calls' way: measured after the answer, held in memory, written once a second. A gateway
 * that dies loses a second of explanations and no usage. Nothing here ever fails a call.
 */
@Injectable()
export class TracesService {
  private waiting: RequestTrace[] = []
  private readonly perTenant = new Map<string, number>()
  private readonly vocabularies = new WeakMap<object, ReturnType<typeof vocabularyOf>>()
  private isFlushing = false
  private droppedCount = 0

  constructor(
    private readonly rules: RuleSetsService,
    private readonly store: TraceStore,
    @Inject(LOGGER) private readonly logger: ProcessLogger,
  ) {}

  /** Traces dropped since the start of this process. */
  get dropped(): number {
    return this.droppedCount
  }

  /** Returns at once; the work is done when the event loop is free. */
  note(request: EndedRequest): void {
    const count = this.perTenant.get(request.tenantId) ?? 0
    if (count >= MOST_OF_A_TENANT || this.waiting.length >= MOST_WAITING) {
      this.droppedCount++
      return
    }
    this.perTenant.set(request.tenantId, count + 1)
    setImmediate(() => void this.keep(request).catch((error: unknown) => this.logger.warn({ request_id: request.rid, reason: (error as Error).message }, 'a request could not be explained')))
  }

  /** Writes what waits; called every second and before the process ends. While Postgres is away it waits on. */
  async flush(): Promise<void> {
    if (this.isFlushing) return
    this.isFlushing = true
    try {
      this.perTenant.clear()
      while (this.waiting.length > 0) {
        const batch = this.waiting.slice(0, MOST_A_WRITE)
        await this.store.append(batch).catch((error: unknown) => this.appendEach(batch, error))
        this.waiting = this.waiting.slice(batch.length)
      }
    } finally {
      this.isFlushing = false
    }
  }

  private async keep({ tenantId, rid, explain, prompt }: EndedRequest): Promise<void> {
    const features = prompt && (await this.measure(tenantId, prompt))
    // Not before: a write replaces the list while rule sets are read.
    this.waiting.push({ tenantId, rid, explanation: explain(), features })
  }

  /** One that Postgres will never take, say of a tenant that is gone by now, must not hold up all others. */
  private async appendEach(batch: readonly RequestTrace[], error: unknown): Promise<void> {
    if (!isRefused(error)) throw error
    for (const trace of batch) {
      await this.store.append([trace]).catch((why: unknown) => {
        if (!isRefused(why)) throw why
        this.droppedCount++
        this.logger.warn({ request_id: trace.rid, reason: (why as Error).message }, 'an explanation was refused by Postgres')
      })
    }
  }

  private async measure(tenantId: string, { messages, language, project }: NonNullable<EndedRequest['prompt']>): Promise<PromptFeatures> {
    const sets = await this.rules.of(tenantId)
    let vocabulary = this.vocabularies.get(sets)
    if (!vocabulary) this.vocabularies.set(sets, (vocabulary = vocabularyOf(sets.values())))
    return promptFeatures(messages, { language, project }, vocabulary)
  }
}

/** Its data or its references, not the connection: SQLSTATE classes 22 and 23. */
function isRefused(error: unknown): boolean {
  return /^2[23]/.test(String((error as { code?: unknown }).code))
}
