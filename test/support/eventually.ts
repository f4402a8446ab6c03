import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_EVERY_MS = 20
/** What one look counts at most: a machine that stands still for a second has not given the product a second. */
const MOST_A_LOOK_MS = 5 * LOOK_EVERY_MS

/**
 * Repeats `assertion` on real time until it does not throw, and returns its value; after `timeoutMs` (default 10 000)
 * throws its last error. Only for what happens in another process; inside one, inject a FakeClock.
 */
export async function eventually<T>(assertion: () => T | Promise<T>, options: { timeoutMs?: number } = {}): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 10_000
  let spentMs = 0
  for (let lookedMs = performance.now(); ; ) {
    try {
      return await assertion()
    } catch (error) {
      if (spentMs > timeoutMs) throw error
      await sleep(LOOK_EVERY_MS)
      const nowMs = performance.now()
      spentMs += Math.min(nowMs - lookedMs, MOST_A_LOOK_MS)
      lookedMs = nowMs
    }
  }
}

/** What `promise` answers, which must be there within `timeoutMs` as `eventually` counts them. */
export async function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  let isThere = false
  const there = () => void (isThere = true)
  promise.then(there, there)
  const look = () => {
    if (!isThere) throw new Error(`nothing came within ${timeoutMs} ms`)
  }
  await eventually(look, { timeoutMs })
  return promise
}

/** A TCP port on 127.0.0.1 that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  return (await freePorts(1))[0]!
}

/** Several, all different: asked for one after the other, the system may give one out twice. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
