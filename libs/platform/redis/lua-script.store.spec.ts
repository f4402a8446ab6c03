import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { redisTargets } from '../../../test/support'
import { FaultProxy } from '../../../test/support/fault-proxy'
import { tempFolder } from '../../../test/support/temp-folder'
import { LuaScript } from './lua-script'
import { RedisClients } from './redis-clients'

const PATIENCE_MS = 2_000

describe.each(redisTargets())('a script on $kind', ({ url }) => {
  const folder = tempFolder()
  let script: LuaScript
  let proxy: FaultProxy
  let clients: RedisClients
  /** Through the proxy, which is as busy as this process. */
  let proxied: RedisClients
  beforeAll(async () => {
    const path = join(folder.path, 'echo.lua')
    writeFileSync(path, 'return ARGV[1]')
    script = LuaScript.load(path)
    proxy = await FaultProxy.start(url)
    clients = await RedisClients.connect(url, PATIENCE_MS)
    proxied = await RedisClients.connect(proxy.url, PATIENCE_MS)
    await script.run(clients.admission, [], ['known'])
  })
  afterAll(async () => {
    clients.close()
    proxied.close()
    await proxy.stop()
    folder.remove()
  })

  /** As a process that has a crowd to serve: nothing else runs meanwhile. */
  const beBusy = (ms: number) => {
    for (const untilMs = performance.now() + ms; performance.now() < untilMs; );
  }
  const crowd = () => Promise.all(Array.from({ length: 20 }, (_, i) => script.run(clients.admission, [], [String(i)])))

  it('is answered although its process was busy for longer than its patience: before it was written, and before its reply was read', async () => {
    const unwritten = crowd()
    beBusy(2 * PATIENCE_MS)
    expect(await unwritten).toHaveLength(20)
    const unread = crowd()
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    beBusy(2 * PATIENCE_MS)
    expect(await unread).toHaveLength(20)
  })

  it('is given up where Redis swallows it', async () => {
    await proxy.set({ is: 'black-hole' })
    await expect(script.run(proxied.admission, [], ['x'])).rejects.toThrow('Command timed out')
    await proxy.set({ is: 'none' })
  })
})
