import { ADDRESS_REFUSED } from '@tollgate/platform/outbound'
import type { AttemptFailure } from './domain/adapter'
import { failure, misconfigured } from './domain/failure'

/** Certificates that cannot be trusted: a person must act, and plain HTTP is never tried instead. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS_CERT_ALTNAME/

const RESET = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'ECONNABORTED'])

/** The error a kept-alive connection gives when its other side had already closed it. */
export function isStaleConnection(error: Error): boolean {
  return RESET.has(codeOf(error))
}

/**
 * Classifies a transport error. Nothing sent: try elsewhere. Sent: the outcome is unknown.
 * @param isSent the request had a connection and was being written
 * @param isSilent no response headers had come
 */
export function transportFailure(error: Error, isSent: boolean, isSilent: boolean): AttemptFailure {
  const code = codeOf(error)
  if (code === ADDRESS_REFUSED) return misconfigured('address', `address refused: ${error.message}`)
  if (CERTIFICATE.test(code)) return misconfigured('certificate', `tls ${code}`, 'host')
  // A base URL, path or credential that cannot be put on the wire at all.
  if (code === 'UND_ERR_INVALID_ARG' || code === 'ERR_INVALID_URL') return misconfigured('address', `not sendable: ${code}`, 'host')
  if (!isSent) return failure('not_dispatched', /TIMEOUT|ETIMEDOUT/.test(code) ? 'upstream_timeout' : 'upstream_error', 'host', `connect ${code}`)
  if (isSilent) return failure('ambiguous', 'upstream_error', 'host', `no answer: ${code}`)
  return failure('ambiguous', 'stream_incomplete', 'host', `answer broken off: ${code}`)
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.name
}
