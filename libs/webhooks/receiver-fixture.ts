import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a receiver was sent. */
export interface Received {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A receiver's answer: a status, nothing for ever, or a connection that breaks. */
export type Answer = number | 'silence' | 'reset'

/** For specs: a real HTTP server that receives webhooks, answers as told, and remembers everything. */
export class Receiver {
  readonly received: Received[] = []
  /** Answers to come, first first; then 204. */
  readonly answers: Answer[] = []
  connections = 0

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Receiver> {
    const server = createServer((request, response) => {
      let body = ''
      request.setEncoding('utf8').on('data', (text: string) => (body += text))
      request.on('end', () => {
        receiver.received.push({ url: request.url!, headers: request.headers, body })
        const answer = receiver.answers.shift() ?? 204
        if (answer === 'reset') request.socket.resetAndDestroy()
        else if (answer !== 'silence') response.writeHead(answer, answer >= 300 && answer < 400 ? { location: receiver.url('/elsewhere') } : {}).end()
      })
    })
    const receiver = new Receiver(server)
    server.on('connection', () => receiver.connections++)
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    return receiver
  }

  url(path = '/hook'): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}${path}`
  }

  /** Bodies so far, parsed. */
  // oxlint-disable-next-line typescript/no-explicit-any -- specs look into bodies of every type
  events(): any[] {
    return this.received.map(({ body }) => JSON.parse(body))
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((closed) => this.server.close(closed))
  }
}

/** Checks a signature as a receiver would, by Standard Webhooks' own words and none of our code. */
export function isGenuine(secret: string, { headers, body }: Received): boolean {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`
  return headers['webhook-signature'] === `v1,${createHmac('sha256', key).update(signed).digest('base64')}`
}
