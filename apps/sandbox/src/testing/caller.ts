import { request, type Agent, type ClientRequest, type IncomingMessage } from 'node:http'

/** How one call ended: what came, and the error that cut it short, if any. */
export interface Heard {
  /** 0 when no status line came. */
  status: number
  headers: IncomingMessage['headers']
  /** What each read of the socket gave. */
  chunks: Buffer[]
  body: string
  /** Code or message of the error that ended the call; undefined when it ended by itself. */
  fault: string | undefined
}

/** A call under way. */
export interface Call {
  readonly heard: Promise<Heard>
  /** Resolves with the headers, before any of the body. */
  readonly opened: Promise<IncomingMessage>
  hangUp(): void
}

/** Options of one call. */
export interface CallOptions {
  method?: string
  headers?: Record<string, string>
  agent?: Agent
  /** Called at each chunk with all text so far; returning true hangs up. */
  until?: (text: string) => boolean
}

const faultOf = (error: NodeJS.ErrnoException): string => error.code ?? error.message

/** Starts a call over a socket of its own (unless an agent is given) and notes everything that comes. */
export function call(url: string, body: unknown, options: CallOptions = {}): Call {
  const bytes = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
  const method = options.method ?? (bytes === undefined ? 'GET' : 'POST')
  const heard: Heard = { status: 0, headers: {}, chunks: [], body: '', fault: undefined }
  let sent: ClientRequest
  let open: (response: IncomingMessage) => void = () => {}
  const opened = new Promise<IncomingMessage>((resolve) => (open = resolve))
  const whole = new Promise<Heard>((resolve) => {
    const over = (fault?: string): void => {
      heard.fault ??= fault
      heard.body = Buffer.concat(heard.chunks).toString('utf8')
      resolve(heard)
    }
    sent = request(url, { method, headers: options.headers ?? {}, agent: options.agent ?? false }, (response) => {
      Object.assign(heard, { status: response.statusCode ?? 0, headers: response.headers })
      open(response)
      response.on('data', (chunk: Buffer) => {
        heard.chunks.push(chunk)
        if (options.until?.(Buffer.concat(heard.chunks).toString('utf8'))) sent.destroy()
      })
      response.on('end', () => over())
      response.on('error', (error) => over(faultOf(error)))
    })
    sent.on('error', (error) => over(faultOf(error)))
    sent.on('close', () => over())
    sent.end(bytes)
  })
  return { heard: whole, opened, hangUp: () => sent.destroy() }
}

/** Starts a call and waits for its end. */
export const hear = (url: string, body?: unknown, options?: CallOptions): Promise<Heard> =>
  call(url, body, options).heard

/** Resolves once a fact holds, looking again at every turn of the event loop; Jest's own limit bounds it. */
export function eventually(fact: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => void (fact() ? resolve() : setImmediate(look))
    look()
  })
}
