import { McpFault } from './domain/mcp-fault'

const MOST_TOLD_CHARS = 500
/** By the protocol 404; servers that keep sessions in memory say 400 of one they never heard of. */
const NO_SESSION = [400, 404]

type Thrown = { readonly code?: unknown; readonly message?: unknown; readonly data?: { readonly status?: unknown }; readonly name?: unknown }

/** What a client library threw, by kind. @param known why the line closed, where it says so itself */
export function faultOf(error: unknown, known: McpFault | null): McpFault {
  if (error instanceof McpFault) return error
  const { code, message, name } = (error ?? {}) as Thrown
  const detail = String(message ?? error).slice(0, MOST_TOLD_CHARS)
  if (code === 'REQUEST_TIMEOUT') return known ?? new McpFault('timeout', detail)
  // An error of JSON-RPC: a number, with words that are meant for whoever called.
  if (typeof code === 'number') return known ?? new McpFault('refused', detail, detail)
  if (name === 'AbortError') return new McpFault('cancelled', detail)
  if (code === 'INVALID_RESULT' || code === 'UNSUPPORTED_RESULT_TYPE' || code === 'INPUT_REQUIRED_ROUNDS_EXCEEDED' || name === 'ZodError') return new McpFault('malformed', detail)
  return known ?? new McpFault(code === 'CONNECTION_CLOSED' || code === 'SEND_FAILED' ? 'died' : 'unavailable', detail)
}

/** Over HTTP: the server does not know our session any more, so it did not run what was asked. */
export function isSessionGone(error: unknown): boolean {
  const { code, data } = (error ?? {}) as Thrown
  return typeof code === 'string' && NO_SESSION.includes(Number(data?.status))
}
