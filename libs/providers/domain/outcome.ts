import type { AttemptFailure, AttemptOutcome, UpstreamCall } from './adapter'
import type { Reply } from './reply'
import { rawUsageText } from './reported-usage'

/**
 * The outcome of an attempt from what its reply told. A cut or failed answer keeps a usage that came before its end:
 * running totals are true for what was delivered.
 */
export function outcomeOf(
  reply: Reply,
  { target, maxTokens }: Pick<UpstreamCall, 'target' | 'maxTokens'>,
  { choices, ignoresModel }: { readonly choices: number; readonly ignoresModel: boolean },
  firstEventMs: number | null,
  failure: AttemptFailure | null,
): AttemptOutcome {
  const { usage: report, servedModel } = reply
  const flags = [...reply.flags, ...(report?.flags ?? [])]
  if ((report?.reported.completionTokens ?? 0) > maxTokens * choices) flags.push('over_max_tokens')
  if (servedModel !== null && !ignoresModel && !isSameModel(servedModel, target.model)) flags.push('model_differs')
  return {
    finishReason: failure ? null : (reply.finishReason ?? (reply.hasToolCalls ? 'tool_calls' : 'stop')),
    failure,
    usage: report?.usage ?? null,
    reported: report?.reported ?? { promptTokens: null, completionTokens: null },
    rawUsage: rawUsageText(report?.raw),
    pushedEvents: reply.pushedEvents,
    firstEventMs,
    servedModel,
    flags,
  }
}

/** An alias is often answered by its dated snapshot, and Ollama adds the default tag. */
function isSameModel(served: string, asked: string): boolean {
  const left = served.toLowerCase()
  const right = asked.toLowerCase()
  return left === right || left.startsWith(`${right}-`) || left === `${right}:latest` || right === `${left}:latest`
}
