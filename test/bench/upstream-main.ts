import { createServer, type AddressInfo, type Socket } from 'node:net'
import { answerParent } from './children'
import { modelList, PACE_MS, PACED_MARK, streamWrites, wholeAnswer } from './upstream-answers'

/**
 * An upstream of prepared bytes on a bare socket: about 6 µs a call, so that one core carries it and the load besides.
 * It reads only what it must of a request: its length, whether it streams, whether the stream is paced.
 */
class UpstreamConnection {
  private carry: Buffer | null = null

  constructor(private readonly socket: Socket) {
    socket.setNoDelay(true)
    socket.on('data', (data) => this.read(data))
    socket.on('error', () => socket.destroy())
  }

  private read(data: Buffer): void {
    const bytes = this.carry ? Buffer.concat([this.carry, data]) : data
    this.carry = null
    const headEnd = bytes.indexOf('\r\n\r\n')
    if (headEnd < 0) return void (this.carry = bytes)
    const head = bytes.toString('latin1', 0, headEnd)
    const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0)
    const end = headEnd + 4 + length
    if (bytes.length < end) return void (this.carry = bytes)
    if (head.startsWith('GET')) this.socket.write(models)
    else this.answer(bytes.subarray(headEnd + 4, end))
    if (bytes.length > end) this.read(bytes.subarray(end))
  }

  private answer(body: Buffer): void {
    if (!body.includes('"stream":true')) this.socket.write(whole)
    else if (body.includes(PACED_MARK)) this.pace(0)
    else {
      flowing.add({ socket: this.socket, at: 0 })
      if (flowing.size === 1) setImmediate(flow)
    }
  }

  private pace(at: number): void {
    if (this.socket.destroyed) return
    this.socket.write(stream[at]!)
    if (at + 1 < stream.length) setTimeout(() => this.pace(at + 1), PACE_MS)
  }
}

/** Writes one frame of every running stream, then lets the event loop turn: no two frames share a write of ours. */
function flow(): void {
  for (const running of flowing) {
    const { socket } = running
    if (socket.destroyed) flowing.delete(running)
    else if (!socket.writableNeedDrain) {
      socket.write(stream[running.at++]!)
      if (running.at === stream.length) flowing.delete(running)
    }
  }
  if (flowing.size > 0) setImmediate(flow)
}

const whole = wholeAnswer()
const models = modelList()
const stream = streamWrites()
const flowing = new Set<{ readonly socket: Socket; at: number }>()

const server = createServer((socket) => new UpstreamConnection(socket))
const listening = new Promise<number>((resolve) => server.listen(0, '127.0.0.1', 1024, () => resolve((server.address() as AddressInfo).port)))
answerParent(async () => ({ port: await listening }))
