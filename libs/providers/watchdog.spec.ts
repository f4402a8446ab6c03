import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { Watchdog, type Expiry } from './watchdog'

const IDLE_MS = 60
const clock = { now: () => performance.now(), monotonicMs: () => performance.now() }
const deadlines = { connectMs: 60_000, firstByteMs: 60_000, idleMs: IDLE_MS, totalMs: 60_000 }

describe('a process that stood still', () => {
  let server: Server
  let upstream: Socket
  let ours: Socket
  beforeEach(async () => {
    server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const met = once(server, 'connection')
    ours = connect((server.address() as AddressInfo).port, '127.0.0.1')
    upstream = ((await met) as [Socket])[0]
  })
  afterEach(() => {
    ours.destroy()
    upstream.destroy()
    server.close()
  })

  /** What happens to a watch of our socket, in order, after the process stood still for longer than the limit. */
  async function after(isWhole: boolean, comesMeanwhile: string): Promise<string[]> {
    const story: string[] = []
    await new Promise<void>((resolve) => {
      const watchdog = new Watchdog(deadlines, true, clock, (what: Expiry) => {
        story.push(what)
        resolve()
      })
      watchdog.sent()
      watchdog.bytes()
      if (isWhole) watchdog.grace()
      ours.on('data', (bytes) => {
        watchdog.bytes()
        story.push(bytes.toString())
      })
      if (comesMeanwhile) upstream.write(comesMeanwhile)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3 * IDLE_MS)
    })
    return story
  }

  it.each([[true, 'grace'], [false, 'idle']] as const)('reads what came meanwhile before it takes its upstream for silent (answer whole: %s)', async (isWhole, limit) => {
    expect(await after(isWhole, 'usage')).toEqual(['usage', limit])
  })

  it('takes it for silent when nothing came', async () => expect(await after(false, '')).toEqual(['idle']))
})
