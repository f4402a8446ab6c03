import type { CompletedChat, Consensus } from '@tollgate/chat'
import { chatSummary } from '../chat/chat.wire'

/** The reply: what was chosen and its sums, as `/chat` has them, and what each model said and cost. */
export function consensusWire(consensus: Consensus, result: CompletedChat, requestId: string, durationMs: number, warnings: readonly string[]): Record<string, unknown> {
  const { children, judge, chosen, votes } = consensus
  const answered = children.filter((child) => child.result.kind === 'completed').length
  return {
    response: children[chosen!]!.text,
    ...chatSummary({ ...result, durationMs }, requestId, warnings),
    consensus: {
      method: consensus.method,
      agreement: { votes, answers: answered },
      answers: children.map((child, index) => ({ ...childWire(child), chosen: index === chosen })),
      ...(judge ? { judge: childWire(judge) } : {}),
    },
  }
}

function childWire({ model, requestId, text, result }: Consensus['children'][number]): Record<string, unknown> {
  if (result.kind === 'refused') return { model, request_id: requestId, error: result.refusal.message, code: result.refusal.code }
  const { usage, provider, region, host, finish_reason: finishReason, duration_ms: durationMs } = chatSummary(result, requestId, [])
  return { model, request_id: requestId, response: text, provider, region, host, finish_reason: finishReason, usage, duration_ms: durationMs }
}
