import { Redis } from 'ioredis'
import { serviceAddresses, type ServiceAddresses } from './services'

/** One Redis to run a spec against. */
export type RedisTarget = ServiceAddresses['redis'][number]

let wasUsed = false

/**
 * Every kind of Redis this run has, for `describe.each(redisTargets())('… on $kind', ({ url }) => …)`.
 * Isolation: each Jest worker has its own database number in the url, and that database is emptied before each spec
 * file that calls this. Inside a file, keep tests apart by key. Channels are not divided by database: name them apart.
 */
export function redisTargets(): RedisTarget[] {
  wasUsed = true
  // Database 0 stays free; jest.config.cjs keeps the workers within the other 15.
  const database = Number(process.env['JEST_WORKER_ID'] ?? 1)
  return serviceAddresses().redis.map(({ kind, url }) => ({ kind, url: url.replace(/\/0$/, `/${database}`) }))
}

/** Empties this worker's databases if the spec file uses Redis at all. */
export async function flushUsedRedis(): Promise<void> {
  if (!wasUsed) return
  for (const { url } of redisTargets()) {
    const client = new Redis(url)
    await client.flushdb()
    await client.quit()
  }
}
