import { decimalFromPico } from '@tollgate/kernel'
import type { CompletedChat, ServedBy } from '@tollgate/chat'

const WINDOW_SECONDS = 60

/** `x-tollgate-*` and `x-ratelimit-*` headers of an inference reply: who served it, and what is left. */
export function servedHeaders(served: ServedBy): Record<string, string> {
  const headers: Record<string, string> = {
    'x-tollgate-model': ascii(served.model),
    'x-tollgate-provider': ascii(served.provider),
    'x-tollgate-region': served.region,
    'x-tollgate-host': served.host,
    'x-tollgate-attempts': String(served.attempts),
    'x-tollgate-queue-ms': String(served.queueMs),
    ...(served.stood ? { 'x-tollgate-queue-position': String(served.stood.position), 'x-tollgate-queue-estimate-ms': String(served.stood.estimateMs) } : {}),
    ...(served.selection ? { 'x-tollgate-selection': asciiJson(served.selection) } : {}),
  }
  for (const unit of ['requests', 'tokens'] as const) {
    const window = served.headroom[unit]
    if (!window) continue
    headers[`x-ratelimit-limit-${unit}`] = String(window.limit)
    headers[`x-ratelimit-remaining-${unit}`] = String(window.remaining)
    headers[`x-ratelimit-reset-${unit}`] = `${WINDOW_SECONDS}s`
  }
  return headers
}

/** As `servedHeaders`, with the cost, for replies whose head is written when it is known. */
export function completedHeaders(result: CompletedChat): Record<string, string> {
  return { ...servedHeaders(result.served), 'x-tollgate-cost': decimalFromPico(result.costPico) }
}

/** Header values are Latin-1; a model name may be anything. */
function ascii(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text)
}

/** JSON in printable ASCII: everything else is escaped, so that it parses back as it was. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
