import { Injectable } from '@nestjs/common'
import type { ChatResult } from '@tollgate/chat'
import { CallKeysService, fingerprint, keyHashOf, type BookedCall, type CallOutcome, type KeyLife } from '@tollgate/idempotency'
import { RequestRecordStore } from '@tollgate/proof'
import type { CallerRequest } from './caller-request'

/** Calls that come with an `Idempotency-Key`: one key is answered at most once, whichever gateway it reaches. */
@Injectable()
export class KeyedCalls {
  constructor(
    private readonly keys: CallKeysService,
    private readonly records: RequestRecordStore,
  ) {}

  /**
   * Lets the call walk once it holds its key, and notes how it ended before the caller hears of it. A call that takes up
   * where a dead gateway's left off goes by that one's request id. @param isWhole the answer is one JSON body
   */
  async serve(http: CallerRequest, isWhole: boolean, walk: () => Promise<ChatResult>): Promise<ChatResult> {
    const { tenant } = http.caller
    const keyHash = keyHashOf(http.headers['idempotency-key'])
    if (!Buffer.isBuffer(keyHash)) return { kind: 'refused', refusal: keyHash }
    const place = { holder: tenant.id, route: `${http.method} ${http.routeOptions.url}`, keyHash }
    const bodyHash = fingerprint({ params: http.params, body: http.body })
    const begun = await this.keys.begin({ place, bodyHash, requestId: http.id }, (rid) => this.booked(tenant.id, rid, tenant.currency))
    if (begun.kind === 'refused') {
      if (begun.answer && tenant.replaysAnswers) http.keptAnswer = begun.answer
      return { kind: 'refused', refusal: begun.refusal }
    }
    http.id = begun.life.rid
    let result: ChatResult | null = null
    try {
      return (result = await walk())
    } finally {
      const outcome = await this.end(begun.life, result, tenant.currency)
      if (outcome && isWhole && tenant.replaysAnswers) http.keepAnswer = (answer) => this.keys.keep(begun.life, outcome, answer)
    }
  }

  /** A refusal means that nothing was billed (libs/chat/conclude.ts); only the books know of a call that broke off. */
  private async end(life: KeyLife, result: ChatResult | null, currency: string): Promise<CallOutcome | null> {
    if (result?.kind !== 'completed') {
      await (result?.kind === 'refused' ? this.keys.free(life) : this.keys.leave(life))
      return null
    }
    const { finishReason, usage, costPico } = result
    const outcome = { status: 'completed', finishReason, promptTokens: usage.promptTokens, completionTokens: usage.completionTokens, costPico: costPico.toString(), currency }
    await this.keys.complete(life, outcome)
    return outcome
  }

  private async booked(tenantId: string, rid: string, currency: string): Promise<BookedCall | null> {
    const record = await this.records.ofTenant(tenantId, rid)
    if (!record) return null
    const { status, finish_reason: finishReason, amount_pico: costPico } = record
    return { isFinal: status !== 'swept', status, finishReason, promptTokens: Number(record.prompt_tokens), completionTokens: Number(record.completion_tokens), costPico, currency }
  }
}
