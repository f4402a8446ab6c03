import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { NdjsonStream } from './ndjson'
import { SseStream } from './sse'

/** What was written in this turn has been handed over by then. */
const turnsEnd = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('a ping', () => {
  const responseOf = (writableNeedDrain: boolean) => {
    const written: string[] = []
    return { written, response: { writableNeedDrain, writeHead: () => undefined, write: (text: string) => written.push(text) > 0 } as unknown as ServerResponse }
  }

  it.each([
    ['a comment', (response: ServerResponse) => new SseStream(response, {}).ping(), ': ping\n\n'],
    ['an event of its surface', (response: ServerResponse) => new SseStream(response, {}, 'event: ping\ndata: {}\n\n').ping(), 'event: ping\ndata: {}\n\n'],
    ['an object that says nothing', (response: ServerResponse) => new NdjsonStream(response, {}).ping({ done: false }), '{"done":false}\n'],
  ])('is %s, and spared for a reader that is behind', async (_name, ping, expected) => {
    const [ready, behind] = [responseOf(false), responseOf(true)]
    ping(ready.response)
    ping(behind.response)
    await turnsEnd()
    expect([ready.written, behind.written]).toEqual([[expected], []])
  })
})

describe('events of one turn', () => {
  function serve(play: (stream: SseStream, response: ServerResponse) => void): Promise<{ pieces: number; text: string; error: Error | null }> {
    return new Promise((resolve) => {
      let served: ServerResponse
      let pieces = 0
      const server = createServer((_request, response) => {
        served = response
        const { write } = response
        response.write = ((...args: Parameters<typeof write>) => (pieces++, write.apply(response, args))) as typeof write
        play(new SseStream(response, {}), response)
      })
      server.listen(0, '127.0.0.1', () => {
        void fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
          .then(async (reply) => ({ text: await reply.text(), error: null }))
          .catch((error: Error) => ({ text: '', error }))
          .then((end) => server.close(() => resolve({ pieces: served ? pieces : 0, ...end })))
      })
    })
  }

  it('leave in one write, in order, and before the next turn', async () => {
    const { pieces, text } = await serve((stream) => {
      for (let n = 0; n < 50; n++) expect(stream.send({ n })).toBe(true)
      setImmediate(() => {
        stream.sendEvent('last', { n: 50 })
        stream.end(true)
      })
    })
    expect(pieces).toBe(1)
    expect(text).toBe(`${Array.from({ length: 50 }, (_, n) => `data: {"n":${n}}\n\n`).join('')}event: last\ndata: {"n":50}\n\ndata: [DONE]\n\n`)
  })

  it('do not pile up behind a slow reader: its stream says so within the turn, and goes on when he has read', async () => {
    const words = 'x'.repeat(1_000)
    let sent = 0
    const { text } = await serve((stream) => {
      const go = () => {
        while (sent < 5_000) {
          sent++
          if (!stream.send(words)) return stream.onDrain(go)
        }
        stream.end(true)
      }
      go()
      // Sixteen kilobytes make a write, and the socket takes it: what waits beyond that is told.
      expect(sent).toBeLessThan(500)
    })
    expect(text.split('\n\n')).toHaveLength(5_002)
  })

  it('go with the connection that is cut in their turn, without a fault', async () => {
    const { error } = await serve((stream, response) => {
      response.on('error', (fault) => {
        throw fault
      })
      stream.send(1)
      stream.destroy()
      stream.send(2)
    })
    expect(error).not.toBeNull()
  })
})
