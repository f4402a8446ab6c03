import { Injectable } from '@nestjs/common'
import { ToolsService } from '@tollgate/chat'
import { isUuid, RefusalError, type ChatRequest } from '@tollgate/kernel'
import { RequestRecordService } from '@tollgate/proof'
import { TraceStore } from '@tollgate/selection/traces'
import { CollectedReply } from '../collected-reply'
import type { CallerRequest } from '../inference'
import { reportsUnavailable } from '../reports-unavailable'

/** What was decided for a request, and what would be decided for one. */
@Injectable()
export class Explanations {
  constructor(
    private readonly tools: ToolsService,
    private readonly records: RequestRecordService,
    private readonly traces: TraceStore,
  ) {}

  /**
   * Decision and record of one request of this tenant. A refused request has a decision and no record; one whose gateway
   * died within a second of it, or that is older than 30 days, has a record and no decision.
   * @throws RefusalError request_not_recorded when there is neither
   */
  async past(tenantId: string, id: string): Promise<Record<string, unknown>> {
    const rid = id.toLowerCase()
    const decided = isUuid(rid) ? await this.traces.find(tenantId, rid).catch(reportsUnavailable) : null
    const record = await this.records.forTenant(tenantId, id).catch((error: unknown) => {
      if (decided && error instanceof RefusalError && error.refusal.code === 'request_not_recorded') return null
      throw error
    })
    return { id: rid, decision: decided, attempts: record?.attempts ?? [], record }
  }

  /** The dry run: what would be decided now. Nothing is sent to a host, counted or billed. */
  async now(http: CallerRequest, request: ChatRequest): Promise<Record<string, unknown>> {
    const { trace, refusal } = await this.tools.foresee({ rid: http.id, surface: 'chat', caller: http.caller, request, reply: new CollectedReply(), stop: new AbortController() })
    const decision = trace.explanation(refusal)
    const first = refusal ? null : trace.plan!.targets[0]!.candidate
    return {
      would: refusal ? 'be_refused' : 'be_served',
      status: refusal?.status ?? 200,
      error: refusal?.message ?? null,
      code: refusal?.code ?? null,
      target: first && { host: first.hostName, provider: first.provider, region: first.region, model: first.model },
      decision,
    }
  }
}
