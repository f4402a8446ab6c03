import { randomUUID } from 'node:crypto'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { systemClock } from '../../libs/platform/clock'
import { OutboundPools } from '../../libs/platform/outbound'
import { ProvidersService } from '../../libs/providers'
import { callTo, Sink } from '../../libs/providers/scripted-call'
import { eventually } from '../support/eventually'
import { FakeClock } from '../support/fake-clock'

jest.setTimeout(60_000)

const line = (word: string) => `${JSON.stringify({ model: 'm', message: { role: 'assistant', content: word }, done: true, done_reason: 'stop', prompt_eval_count: 1, eval_count: 1 })}\n`
const answer = (word: string, headers = '') => `HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n${headers}content-length: ${line(word).length}\r\n\r\n${line(word)}`

interface Heard {
  readonly socket: Socket
  /** Its number on this connection, from 1, and the number of the connection. */
  readonly turn: number
  readonly connection: number
  readonly id: string
}

/** An upstream that writes what it likes, when it likes. */
class Evil {
  readonly sockets: Socket[] = []
  private readonly server: Server

  constructor(private readonly onRequest: (heard: Heard) => void) {
    this.server = createServer((socket) => {
      const connection = this.sockets.push(socket)
      let turn = 0
      socket.on('error', () => undefined)
      socket.on('data', (chunk) => {
        const id = /\r\nx-request-id: (\S+)\r\n/.exec(chunk.toString())?.[1]
        if (id !== undefined) this.onRequest({ socket, connection, turn: ++turn, id })
      })
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>((listening) => this.server.listen(0, '127.0.0.1', listening))
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((closed) => this.server.close(closed))
  }
}

const clock = new FakeClock()
const pools = new OutboundPools({ allowedCidrs: [], allowLoopback: true, allowedPorts: [] }, undefined, clock)
const providers = new ProvidersService(pools, systemClock)
let hosts = 0
afterAll(() => pools.closeAll())

/** T33: an answer that nobody asked for is nobody's, least of all another tenant's. */
async function scene<T>(onRequest: (heard: Heard) => void, play: (ask: (tenant: string) => Promise<string[]>, evil: Evil) => Promise<T>): Promise<T> {
  const evil = new Evil(onRequest)
  const baseUrl = await evil.listen()
  const hostId = `evil-${++hosts}`
  const ask = async (tenant: string): Promise<string[]> => {
    const sink = new Sink()
    const call = callTo(baseUrl, 'ollama', 'm', { stream: true, maxTokens: 10, cacheSpace: tenant, requestId: randomUUID() })
    const { failure } = await providers.adapterFor('ollama')!.chat({ ...call, target: { ...call.target, hostId } }, sink)
    // A connection is free a turn after its answer.
    await new Promise(setImmediate)
    return failure ? [`${failure.class}: ${failure.cause}`] : sink.events.map((event) => (event.kind === 'text' ? event.text : event.kind))
  }
  return play(ask, evil).finally(() => evil.close())
}

/** What comes unasked: all of an answer, or half of one whose rest comes with the next. */
const POISON = { whole: answer('poison'), partial: answer('poison').slice(0, 40) }
const ANSWER_MS = 300

describe.each(Object.entries(POISON))('an unasked answer (%s)', (_name, poison) => {
  it.each([0, 30, 200])('%i ms after the answer of one tenant: the call of another, begun before it came, gets its own', async (ms) => {
    const heard = ({ socket, connection, turn }: Heard) => {
      if (connection === 1 && turn === 1) {
        socket.write(answer('of a'))
        return setTimeout(() => socket.write(poison), ms)
      }
      // It comes while this one waits for its answer, wherever it waits.
      return setTimeout(() => socket.write(answer('of b')), ANSWER_MS)
    }
    await scene(heard, async (ask, evil) => {
      expect(await ask('a')).toEqual(['of a'])
      const others = ['b', 'c', 'd'].map(ask)
      expect(await Promise.all(others)).toEqual(others.map(() => ['of b']))
      await eventually(() => expect(evil.sockets[0]!.destroyed).toBe(true))
    })
  })

  it('in the same packet: its connection is closed, and the next call, also of the same tenant, has another', async () => {
    const heard = ({ socket, connection }: Heard) => void socket.write(answer(`own${connection}`) + poison)
    await scene(heard, async (ask, evil) => {
      for (const [at, tenant] of ['a', 'a', 'b'].entries()) {
        expect(await ask(tenant)).toEqual([`own${at + 1}`])
        await new Promise((closed) => (evil.sockets[at]!.destroyed ? closed(null) : evil.sockets[at]!.once('close', closed)))
      }
    })
  })
})

it('a connection stays with its tenant, and passes to another only after a quiet time', async () => {
  const heard = ({ socket, connection }: Heard) => void socket.write(answer(`on ${connection}`))
  await scene(heard, async (ask) => {
    expect([await ask('a'), await ask('a')]).toEqual([['on 1'], ['on 1']])
    expect([await ask('b'), await ask('a'), await ask('b')]).toEqual([['on 2'], ['on 1'], ['on 2']])
    clock.advance(249)
    expect(await ask('c')).toEqual(['on 3'])
    clock.advance(1)
    // Of those that were quiet for long enough, the one that was used last.
    expect([await ask('d'), await ask('e'), await ask('f')]).toEqual([['on 2'], ['on 1'], ['on 4']])
  })
})

it('a host that sends our request ids back and then another one has mixed up its answers', async () => {
  const ids: string[] = []
  const heard = ({ socket, id }: Heard) => void socket.write(answer('yes', `x-request-id: ${ids.push(id) === 2 ? ids[0] : id}\r\n`))
  await scene(heard, async (ask) => {
    expect(await ask('a')).toEqual(['yes'])
    expect(await ask('a')).toEqual(['ambiguous: answer to another request'])
    expect(await ask('a')).toEqual(['yes'])
  })
})

it('ids of a host’s own tell nothing', async () => {
  const heard = ({ socket }: Heard) => void socket.write(answer('yes', `x-request-id: ${randomUUID()}\r\n`))
  await scene(heard, async (ask) => {
    for (let call = 0; call < 3; call++) expect(await ask('a')).toEqual(['yes'])
  })
})
