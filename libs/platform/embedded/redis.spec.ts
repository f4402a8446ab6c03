import { Redis } from 'ioredis'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { eventually, freePort, holdEmbedded, tempFolder } from '../../../test/support'
import { findRedisServer, startPrivateRedis, type PrivateRedis } from './index'
import { acceptsConnections } from './port'

jest.setTimeout(30_000)
const real = findRedisServer()
if (!real) console.log('no valkey-server or redis-server on PATH: only js-redis-server is tested')
const portOf = ({ url }: { url: string }) => Number(new URL(url).port)

async function ask<T>(url: string, command: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { lazyConnect: true, disconnectTimeout: 50, retryStrategy: () => null })
  redis.on('error', () => {})
  try {
    await redis.connect()
    return await command(redis)
  } finally {
    redis.disconnect()
  }
}

describe.each(real ? (['server', 'js'] as const) : (['js'] as const))('private Redis, %s', (kind) => {
  let folder: ReturnType<typeof tempFolder>
  let running: PrivateRedis[] = []
  const start = async (more: { port?: number; appendOnly?: boolean } = {}) => {
    const redis = await startPrivateRedis({ dir: join(folder.path, 'redis'), kind, ...more })
    running.push(redis)
    return redis
  }
  beforeEach(() => (folder = tempFolder()))
  afterEach(async () => {
    await Promise.all(running.map((redis) => redis.stop()))
    running = []
    folder.remove()
  })

  it('runs Lua, and is gone after stop', async () => {
    const redis = await start()
    expect(await ask(redis.url, (client) => client.eval('return cjson.encode({ARGV[1]})', 0, 'a'))).toBe('["a"]')
    await redis.stop()
    expect(await acceptsConnections(portOf(redis))).toBe(false)
  })

  const outside = Object.values(networkInterfaces()).flat().find((address) => address?.family === 'IPv4' && !address.internal)?.address
  ;(outside ? it : it.skip)('answers nobody who comes over a network', async () => {
    const redis = await start()
    const stranger = `redis://${outside}:${portOf(redis)}`
    await expect(ask(stranger, (client) => client.ping())).rejects.toThrow()
    expect(await ask(redis.url, (client) => client.ping())).toBe('PONG')
  })

  it('starts again on the same port after a crash', async () => {
    const first = await start()
    await first.kill()
    const second = await start({ port: portOf(first) })
    expect(portOf(second)).toBe(portOf(first))
    expect(await ask(second.url, (client) => client.ping())).toBe('PONG')
  })

  it('refuses a taken port and a second start on one folder', async () => {
    const first = await start()
    await expect(start()).rejects.toMatchObject({ code: 'in_use' })
    const other = startPrivateRedis({ dir: join(folder.path, 'other'), kind, port: portOf(first) })
    await expect(other).rejects.toMatchObject({
      code: 'port_taken',
      message: expect.stringContaining(`${portOf(first)}`),
    })
  })

  it('takes the port it is given', async () => {
    const port = await freePort()
    expect(portOf(await start({ port }))).toBe(port)
  })
})

const whenReal = real ? describe : describe.skip
whenReal('private real Redis', () => {
  let folder: ReturnType<typeof tempFolder>
  let dir: string
  beforeEach(() => {
    folder = tempFolder()
    dir = join(folder.path, 'redis')
  })
  afterEach(() => folder.remove())

  it('never evicts, and asks for its password', async () => {
    const redis = await startPrivateRedis({ dir })
    expect(redis.kind).toMatch(/^(valkey|redis)-server$/)
    expect(await ask(redis.url, (client) => client.config('GET', 'maxmemory-policy'))).toEqual([
      'maxmemory-policy',
      'noeviction',
    ])
    const stranger = ask(redis.url.replace(/\/\/.*@/, '//'), (client) => client.get('a'))
    await expect(stranger).rejects.toThrow(/NOAUTH|closed/)
    await redis.stop()
  })

  it('appendOnly keeps the data over a stop', async () => {
    const first = await startPrivateRedis({ dir, appendOnly: true })
    await ask(first.url, (client) => client.set('kept', '42'))
    await first.stop()
    const second = await startPrivateRedis({ dir, appendOnly: true })
    expect(second.url).toBe(first.url)
    expect(await ask(second.url, (client) => client.get('kept'))).toBe('42')
    await second.stop()
  })

  it('after kill -9 of its process no server is left, and an immediate start finds the data', async () => {
    const holder = await holdEmbedded('-', dir)
    await ask(holder.redisUrl ?? '', (client) => client.set('kept', '42'))
    await holder.kill()
    const redis = await startPrivateRedis({ dir, appendOnly: true })
    expect(await ask(redis.url, (client) => client.get('kept'))).toBe('42')
    await redis.stop()
    const second = await holdEmbedded('-', dir)
    await second.kill()
    const port = Number(new URL(second.redisUrl ?? '').port)
    await eventually(async () => expect(await acceptsConnections(port)).toBe(false), { timeoutMs: 10_000 })
  })
})
