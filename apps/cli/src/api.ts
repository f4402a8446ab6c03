import type { IncomingMessage } from 'node:http'
import { eventsOf } from './event-stream'
import { open, textOf, type Reply, type Request } from './http-exchange'
import { CliError, EXIT, exitCodeOf } from './terminal'
import type { Credentials } from './credentials'

/** A page of a list, as both planes answer it. */
interface Page<T> {
  readonly data: readonly T[]
  readonly next: string | null
}

/** The control plane, asked as whoever is logged in. */
export class Api {
  constructor(
    readonly server: string,
    private readonly credentials: Credentials,
  ) {}

  /** Whether requests go out as somebody. */
  get isSignedIn(): boolean {
    return this.credentials.isKnown
  }

  /** The parsed body of a reply. @throws CliError with the control plane's own sentence */
  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    return JSON.parse((await this.signedIn({ method, path, body })) || 'null') as T
  }

  /** The reply as text: CSV and pages. @throws CliError */
  async text(path: string): Promise<string> {
    return this.signedIn({ method: 'GET', path })
  }

  /** Every object of a list, page by page. */
  async list<T>(path: string, query: Readonly<Record<string, string>> = {}): Promise<T[]> {
    const all: T[] = []
    for (let after: string | null = ''; after !== null; ) {
      const page: Page<T> = await this.json('GET', `${path}?${new URLSearchParams({ limit: '200', ...query, ...(after ? { after } : {}) })}`)
      all.push(...page.data)
      after = page.next
    }
    return all
  }

  /** What a stream of server-sent events tells, parsed, until its `[DONE]`. @throws CliError */
  async *events<T>(path: string, signal?: AbortSignal): AsyncGenerator<T> {
    const response = await this.response({ method: 'GET', path, signal })
    for await (const data of eventsOf(textOf(this.server, response))) {
      if (data === '[DONE]') return
      yield JSON.parse(data) as T
    }
  }

  /** Logs in and keeps the tokens for later commands. @throws CliError */
  async logIn(email: string, password: string): Promise<void> {
    await this.credentials.logIn(email, password)
  }

  /** Ends the log-in at the server and forgets it here. @returns false when there was none */
  async logOut(): Promise<boolean> {
    if (!this.credentials.isKept) return false
    await this.signedIn({ method: 'POST', path: '/auth/logout' }).finally(() => this.credentials.forget())
    return true
  }

  private async signedIn(request: Omit<Request, 'token'>): Promise<string> {
    const response = await this.response(request)
    let text = ''
    for await (const chunk of textOf(this.server, response)) text += chunk
    return text
  }

  /** A reply that is no refusal, after renewing a token that ran out. */
  private async response(request: Omit<Request, 'token'>): Promise<IncomingMessage> {
    let response = await open(this.server, { ...request, token: await this.credentials.token() })
    if (response.statusCode === 401) {
      response.resume()
      const token = await this.credentials.renewed()
      if (token) response = await open(this.server, { ...request, token })
    }
    const status = response.statusCode ?? 0
    if (status === 401) throw new CliError(`${this.server} does not accept this log-in. Run \`tollgate login <email>\`, or give a token with --token or TOLLGATE_TOKEN.`, EXIT.refused)
    if (status < 400) return response
    let text = ''
    for await (const chunk of textOf(this.server, response)) text += chunk
    throw new CliError(sentenceOf({ status, text }), exitCodeOf(status))
  }
}

/** The problem body of the control plane as lines; whatever else answers (a proxy) by its status. */
function sentenceOf({ status, text }: Reply): string {
  try {
    const { detail, errors, request_id: id } = JSON.parse(text) as { detail?: string; errors?: { path: string; message: string; line?: number; column?: number }[]; request_id?: string }
    if (!detail) return `The server answered ${status}. Is this the address of a control plane?`
    const more = (errors ?? []).length > 1 ? errors!.map(({ path, message, line, column }) => `\n  ${line === undefined ? '' : `${line}:${column} `}${path} ${message}`).join('') : ''
    return `${detail}${more}${status >= 500 && id ? ` (request ${id})` : ''}`
  } catch {
    return `The server answered ${status} and no JSON. Is this the address of a control plane?`
  }
}
