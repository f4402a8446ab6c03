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
  const { servedModel } = reply
  const isDelivered = !failure && !reply.hasCut && !reply.flags.has('unasked_choice') && reply.vectors === null
  // An answer that was cut is counted by what was delivered of it.
  const isCut = !failure && reply.hasCut
  const report = isCut ? null : reply.usage
  const flags = [...reply.flags, ...(isCut ? ['cut_at_max_tokens'] : []), ...(report?.flags ?? [])]
  if ((report?.reported.completionTokens ?? 0) > maxTokens * choices) flags.push('over_max_tokens')
  if (isDelivered && isDisputed(reply)) flags.push('usage_disputed')
  if (servedModel !== null && !ignoresModel && !isSameModel(servedModel, target.model)) flags.push('model_differs')
  // A completion's count over choices that were dropped is no measure of what was delivered.
  const isForMore = reply.flags.has('unasked_choice')
  return {
    finishReason: failure ? null : reply.finishReasons()[0]!,
    finishReasons: failure ? [] : reply.finishReasons(),
    failure,
    usage: isForMore ? null : (report?.usage ?? null),
    reported: { promptTokens: report?.reported.promptTokens ?? null, completionTokens: isForMore ? null : (report?.reported.completionTokens ?? null) },
    rawUsage: rawUsageText(report?.raw),
    pushedEvents: reply.pushedEvents,
    firstEventMs,
    servedModel,
    stopSequence: failure ? null : reply.stopSequence,
    flags,
    vectors: failure ? null : reply.vectors,
  }
}

/** Bytes of a token, low; tokens that leave no text (roles, ends, the frames of tool calls), high. */
const LEAST_TOKEN_BYTES = 3
const SILENT_TOKENS = 64

/**
 * The upstream counts more than twice what its answer can hold by our own count (T16, 15). It is billed as told, since
 * only its provider knows its tokens; the flag is for whoever settles with that provider. Hidden thought is taken as told.
 */
function isDisputed({ usage, pushedBytes, pushedEvents, hasHiddenThought }: Reply): boolean {
  const told = usage?.usage
  if (!told || hasHiddenThought) return false
  const own = Math.max(pushedEvents, Math.ceil(pushedBytes / LEAST_TOKEN_BYTES))
  return told.completionTokens - told.reasoningTokens > 2 * own + SILENT_TOKENS
}

/** An alias is often answered by its dated snapshot, and Ollama adds the default tag. */
function isSameModel(served: string, asked: string): boolean {
  const left = served.toLowerCase()
  const right = asked.toLowerCase()
  return left === right || left.startsWith(`${right}-`) || left === `${right}:latest` || right === `${left}:latest`
}
