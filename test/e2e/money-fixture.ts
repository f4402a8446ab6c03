import { findRedisServer, startPrivateRedis } from '../../libs/platform/embedded'
import { redisTargets, tempFolder } from '../support'
import { PRICE } from '../support/upstream-truth'

/** One Redis a money spec runs on, made when asked for. */
export interface MoneyRedis {
  readonly name: string
  /** Usage goes through the outbox; otherwise every settlement is a Postgres commit. */
  readonly isOutbox: boolean
  readonly isInProcess: boolean
  start(): Promise<{ url: string; stop(): Promise<void> }>
}

/** The shared servers, which have no append-only file (strict durability), and a real one of our own that has. */
export function moneyRedises(): MoneyRedis[] {
  const shared = redisTargets().map(({ kind, url }): MoneyRedis => ({ name: `${kind}, strict`, isOutbox: false, isInProcess: kind === 'js-redis-server', start: () => Promise.resolve({ url, stop: () => Promise.resolve() }) }))
  const own: MoneyRedis = {
    name: 'a real server with append-only file, outbox',
    isOutbox: true,
    isInProcess: false,
    start: async () => {
      const folder = tempFolder()
      const redis = await startPrivateRedis({ dir: folder.path, kind: 'server', appendOnly: true })
      return { url: redis.url, stop: () => redis.kill().then(() => folder.remove()) }
    },
  }
  return findRedisServer() ? [...shared, own] : shared
}

/** The most a call may cost, as the gateway reserves it: every byte of the body a token, and the template's. */
export function mostPico(body: object, maxTokens: number, price: { input: bigint; output: bigint } = PRICE): bigint {
  return BigInt(Buffer.byteLength(JSON.stringify(body)) + 16 + 64) * price.input + BigInt(maxTokens) * price.output
}
