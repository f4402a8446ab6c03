import type { UpstreamCall } from './adapter'

/**
 * All headers an upstream ever gets from us, in lower case (F43): nothing of the client's own is copied. The credential
 * goes to the host it belongs to only, since it is part of the target.
 */
export function upstreamHeaders({ target, request, requestId }: UpstreamCall, streamType: string, own?: Readonly<Record<string, string>>): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: request.stream ? streamType : 'application/json',
    'accept-encoding': 'identity',
    'user-agent': 'tollgate',
    'x-request-id': requestId,
  }
  if (own) Object.assign(headers, own)
  else if (target.secret) headers.authorization = `Bearer ${target.secret}`
  return headers
}
