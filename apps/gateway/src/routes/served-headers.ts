import { decimalFromPico } from '@tollgate/kernel'
import type { CompletedChat, ServedBy } from '@tollgate/chat'

const WINDOW = '60s'

/** `x-tollgate-*` and `x-ratelimit-*` headers of an inference reply: who served it, and what is left. */
export function servedHeaders(served: ServedBy): Record<string, string> {
  const headers: Record<string, string> = {
    'x-tollgate-model': ascii(served.model),
    'x-tollgate-provider': ascii(served.provider),
    'x-tollgate-region': served.region,
    'x-tollgate-host': served.host,
    'x-tollgate-attempts': String(served.attempts),
    'x-tollgate-queue-ms': String(served.queueMs),
  }
  const { stood, selection } = served
  const { requests, tokens } = served.headroom
  if (stood) {
    headers['x-tollgate-queue-position'] = String(stood.position)
    headers['x-tollgate-queue-estimate-ms'] = String(stood.estimateMs)
  }
  if (selection) headers['x-tollgate-selection'] = asciiJson(selection)
  if (requests) {
    headers['x-ratelimit-limit-requests'] = String(requests.limit)
    headers['x-ratelimit-remaining-requests'] = String(requests.remaining)
    headers['x-ratelimit-reset-requests'] = WINDOW
  }
  if (tokens) {
    headers['x-ratelimit-limit-tokens'] = String(tokens.limit)
    headers['x-ratelimit-remaining-tokens'] = String(tokens.remaining)
    headers['x-ratelimit-reset-tokens'] = WINDOW
  }
  return headers
}

/** As `servedHeaders`, with the cost, for replies whose head is written when it is known. */
export function completedHeaders(result: CompletedChat): Record<string, string> {
  const headers = servedHeaders(result.served)
  headers['x-tollgate-cost'] = decimalFromPico(result.costPico)
  return headers
}

/** Header values are Latin-1; a model name may be anything. */
function ascii(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text)
}

/** JSON in printable ASCII: everything else is escaped, so that it parses back as it was. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
