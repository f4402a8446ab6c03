import { decimalFromPico } from '@tollgate/kernel'
import type { Offer, OfferedTool, ToolOutcome } from '@tollgate/mcp'
import type { CompletedChat } from './chat-result'
import { LeadNote, type PartNote } from './part-note'

/** Tools and calls told of one by one; the rest are counted. */
const MOST_TOLD = 100

/** All rounds of a call with tools of the operator, as its trace tells them. Arguments and results are never in it. */
export class ToolTrace extends LeadNote {
  readonly of = 'tools'
  private readonly rounds: Record<string, unknown>[] = []
  private readonly calls: Record<string, unknown>[] = []

  constructor(
    private readonly offer: Offer,
    parentRid: string | null,
  ) {
    super(parentRid)
  }

  explanation(): Record<string, unknown> {
    const { tools, rounds, warnings } = this.offer
    return {
      offered: tools.slice(0, MOST_TOLD).map(({ server, tool, alias }) => ({ server, tool, name: alias })),
      most_rounds: Number.isFinite(rounds) ? rounds : 0,
      warnings,
      rounds: this.rounds,
      calls: this.calls.slice(0, MOST_TOLD),
      more_calls: Math.max(0, this.calls.length - MOST_TOLD),
    }
  }

  /** What a later round tells: whose it is. */
  later(round: number): PartNote {
    return this.noteOf({ round })
  }

  noteRound(requestId: string, { served, finishReason, usage, costPico, durationMs }: CompletedChat): void {
    this.rounds.push({ round: this.rounds.length + 1, request_id: requestId, model: served.model, host: served.host, finish_reason: finishReason, prompt_tokens: usage.promptTokens, completion_tokens: usage.completionTokens, cost: decimalFromPico(costPico), duration_ms: durationMs })
  }

  noteFailedRound(requestId: string, code: string): void {
    this.rounds.push({ round: this.rounds.length + 1, request_id: requestId, code })
  }

  noteCall({ server, tool }: OfferedTool, { outcome, durationMs, bytes, isCut }: ToolOutcome): void {
    this.calls.push({ round: this.rounds.length, server, tool, outcome, duration_ms: durationMs, result_bytes: bytes, cut: isCut })
  }
}
