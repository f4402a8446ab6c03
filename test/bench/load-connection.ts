import { connect, type Socket } from 'node:net'
import { ReplyReader, type Reply } from './reply-reader'

/** Where calls go and what they say. */
export interface LoadTarget {
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The whole request as bytes: made once, written for every call. */
export function requestBytes({ port, path, headers, body }: LoadTarget): Buffer {
  const all = { host: `127.0.0.1:${port}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers, 'content-length': String(Buffer.byteLength(body)) }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`)
}

/** One keep-alive connection with at most one call on its way. A closed one fails its call and connects again. */
export class LoadConnection {
  private socket: Socket | null = null
  private reader = new ReplyReader(() => undefined)
  private onReply: ((reply: Reply | null) => void) | null = null

  constructor(private readonly port: number) {}

  async open(): Promise<void> {
    const socket = connect({ port: this.port, host: '127.0.0.1', noDelay: true })
    this.reader = new ReplyReader((reply) => this.answer(reply))
    socket.on('data', (data) => this.reader.push(data))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      if (this.socket === socket) this.socket = null
      this.answer(null)
    })
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('close', () => reject(new Error(`nothing listens on port ${this.port}`))))
    this.socket = socket
  }

  /** @param onReply gets null when the connection broke */
  call(request: Buffer, onReply: (reply: Reply | null) => void): void {
    this.onReply = onReply
    if (this.socket) return void this.socket.write(request)
    this.open().then(
      () => this.socket!.write(request),
      () => this.answer(null),
    )
  }

  close(): void {
    this.socket?.destroy()
  }

  private answer(reply: Reply | null): void {
    const { onReply } = this
    this.onReply = null
    onReply?.(reply)
  }
}
