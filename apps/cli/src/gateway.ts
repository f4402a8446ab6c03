import type { IncomingMessage } from 'node:http'
import { eventsOf } from './event-stream'
import { open, textOf } from './http-exchange'
import { CliError, EXIT, exitCodeOf } from './terminal'

/** The body of a refusal of the data plane. */
export interface RefusalBody {
  readonly error?: string
  readonly code?: string
  readonly available_models?: readonly string[]
}

/** A refusal of the data plane as it came; whoever asked adds the way out. */
export class GatewayRefusal extends CliError {
  constructor(
    readonly status: number,
    readonly body: RefusalBody,
  ) {
    super(body.error ?? `The server answered ${status}. Is this the address of a Tollgate gateway?`, exitCodeOf(status))
  }
}

/** The data plane, asked with an API key. */
export class Gateway {
  constructor(
    readonly address: string,
    private readonly apiKey: string | null,
  ) {}

  /** Whether there is a key to ask with. */
  get hasKey(): boolean {
    return this.apiKey !== null
  }

  /** The parsed body of a reply. @throws CliError, GatewayRefusal */
  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    return JSON.parse(await this.text(method, path, body)) as T
  }

  /** The reply as text, such as CSV. @throws CliError, GatewayRefusal */
  async text(method: string, path: string, body?: unknown): Promise<string> {
    return textIn(this.address, await this.response(method, path, body))
  }

  /** What a streamed answer tells, parsed; ends at `[DONE]`. @throws CliError, GatewayRefusal, and AbortError when `signal` says so */
  async *events<T>(path: string, body: unknown, signal: AbortSignal): AsyncGenerator<T> {
    const response = await this.response('POST', path, body, signal)
    for await (const data of eventsOf(textOf(this.address, response))) {
      if (data === '[DONE]') return
      const event = JSON.parse(data) as RefusalBody
      if (typeof event.error === 'string') throw new GatewayRefusal(502, event)
      yield event as T
    }
    throw new CliError('The answer broke off before its end.')
  }

  private async response(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<IncomingMessage> {
    if (this.apiKey === null) throw new CliError(`No API key is known for ${this.address}. Start Tollgate here (\`npm start\`), set TOLLGATE_API_KEY, or keep one: \`tollgate profile set <name> --server ${this.address} --api-key -\` asks for it. An operator makes keys with \`tollgate keys create <tenant> <name>\`.`, EXIT.refused)
    const response = await open(this.address, { method, path, body, token: this.apiKey, signal })
    const status = response.statusCode ?? 0
    if (status < 400) return response
    const refusal = new GatewayRefusal(status, bodyOf(await textIn(this.address, response)))
    if (status === 401) throw new CliError(`${this.address} does not accept this API key. Check TOLLGATE_API_KEY or the profile (\`tollgate profile list\`); an operator makes keys with \`tollgate keys create <tenant> <name>\`.`, EXIT.refused)
    throw refusal
  }
}

async function textIn(address: string, response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of textOf(address, response)) text += chunk
  return text
}

function bodyOf(text: string): RefusalBody {
  try {
    const body = JSON.parse(text) as RefusalBody
    return typeof body.error === 'string' ? body : { ...body, error: undefined }
  } catch {
    return {}
  }
}
