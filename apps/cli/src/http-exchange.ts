import { request as requestHttp, type IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { CliError, EXIT } from './terminal'

/** Longer than the longest question: verifying a chain of millions of rows. Streams ping more often. */
const TIMEOUT_MS = 130_000

/** One request. */
export interface Request {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly token: string | null
  readonly signal?: AbortSignal
}

/** A reply as it came. */
export interface Reply {
  readonly status: number
  readonly text: string
}

/** Sends one request with Node's own client: a command that asks one question should not load another. @throws CliError when nothing answers, with what to do */
export async function send(server: string, request: Request): Promise<Reply> {
  const response = await open(server, request)
  let text = ''
  for await (const chunk of textOf(server, response)) text += chunk
  return { status: response.statusCode ?? 0, text }
}

/** The text of a reply as it comes. @throws CliError when it breaks off */
export async function* textOf(server: string, response: IncomingMessage): AsyncGenerator<string> {
  response.setEncoding('utf8')
  try {
    for await (const chunk of response) yield chunk as string
  } catch (error) {
    throw unreachable(server, error as NodeJS.ErrnoException)
  }
}

/** Sends one request and resolves with the head of its reply. @throws CliError */
export function open(server: string, { method, path, body, token, signal }: Request): Promise<IncomingMessage> {
  const url = new URL(path, server)
  const payload = body === undefined ? undefined : JSON.stringify(body)
  const headers = { accept: '*/*', ...(token ? { authorization: `Bearer ${token}` } : {}), ...(payload ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) } : {}) }
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, { method, headers, timeout: TIMEOUT_MS, signal }, resolve)
    request.on('timeout', () => request.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })))
    request.on('error', (error) => reject(unreachable(server, error)))
    request.end(payload)
  })
}

function unreachable(server: string, error: NodeJS.ErrnoException): Error {
  if (error.name === 'AbortError') return error
  const way = 'Start Tollgate (`npm start`), or say where it is with --server or TOLLGATE_URL.'
  if (error.code === 'ECONNREFUSED') return new CliError(`Nothing answers at ${server}. ${way}`, EXIT.unreachable)
  if (error.code === 'ENOTFOUND') return new CliError(`There is no host of this name: ${server}. Check --server or TOLLGATE_URL.`, EXIT.unreachable)
  return new CliError(`${server} broke off (${error.code ?? error.message}). Try again; if it stays, look at its log.`, EXIT.unreachable)
}
