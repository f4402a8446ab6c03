import { Inject, Injectable } from '@nestjs/common'
import { LRUCache } from 'lru-cache'
import { refuse, type Caller, type Clock, type Refusal } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { ChangeNotices } from '@tollgate/platform/redis'
import { ApiKeyStore } from './api-key.store'
import { parseApiKey } from './domain/api-key'
import { callerOf, isUsable, type KeyRecord } from './domain/caller-record'
import { credentialDigest, hashApiKey, isSameHash } from './key-hash'

/** A record is trusted this long before it is read again. Revocation does not wait for it: admission checks it. */
const FRESH_MS = 10_000
/** While Postgres is away a known record may serve this long (security.md, I10). */
const STALE_MS = 60_000
const MOST_RECORDS = 50_000
/** A Postgres that swallows packets must not hold callers: a look-up that takes longer has failed. */
const LOOKUP_MOST_MS = 2_000

interface CachedCaller {
  readonly caller: Caller
  readonly record: KeyRecord
  readonly loadedAtMs: number
}

/**
 * Who is calling, or why not. A refusal is the same for unknown, wrong, revoked and expired keys (F30). `isJunk`: shape
 * or checksum is wrong, so nothing was asked of any store and nothing need be (T30).
 */
export type Authentication =
  | { readonly kind: 'caller'; readonly caller: Caller; readonly cidrs: readonly string[] | null }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly isJunk?: boolean }

/** From a credential to a caller. Junk costs no IO; a known key one hash and one look-up in memory. */
@Injectable()
export class AuthenticationService {
  private readonly cache = new LRUCache<string, CachedCaller>({ max: MOST_RECORDS })
  private readonly loading = new Map<string, Promise<CachedCaller | null>>()

  constructor(
    private readonly store: ApiKeyStore,
    @Inject(CONFIG) private readonly config: ClusterConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    notices: ChangeNotices,
  ) {
    notices.listen((notice) => notice.topic === 'caller' && this.forget(notice.id))
  }

  async authenticate(credential: string): Promise<Authentication> {
    const parsed = parseApiKey(credential)
    if (!parsed) return { kind: 'refused', refusal: refuse('invalid_api_key'), isJunk: true }
    const digest = credentialDigest(credential)
    const known = this.cache.get(digest)
    if (known && this.clock.now() - known.loadedAtMs < FRESH_MS) return this.judge(known)
    try {
      return this.judge(await this.load(digest, credential, parsed.publicId))
    } catch {
      if (known && this.clock.now() - known.loadedAtMs < STALE_MS) return this.judge(known)
      return { kind: 'refused', refusal: refuse('accounts_unavailable', {}, { retryAfterSeconds: 2 }) }
    }
  }

  /** Reads a caller again whose cached record is older than a change (libs/limits, epoch). */
  async renew(caller: Caller): Promise<Authentication> {
    const known = [...this.cache.entries()].find(([, entry]) => entry.caller.key.id === caller.key.id)
    if (!known) return { kind: 'refused', refusal: refuse('accounts_unavailable', {}, { retryAfterSeconds: 1 }) }
    const [digest, { record }] = known
    try {
      const fresh = await this.find(record.key.public_id)
      if (!fresh || fresh.key.key_hash !== record.key.key_hash) return { kind: 'refused', refusal: refuse('invalid_api_key') }
      const cached = { caller: callerOf(fresh), record: fresh, loadedAtMs: this.clock.now() }
      this.cache.set(digest, cached)
      return this.judge(cached)
    } catch {
      return { kind: 'refused', refusal: refuse('accounts_unavailable', {}, { retryAfterSeconds: 2 }) }
    }
  }

  /** Drops cached records of a tenant or key, or all: the next call reads them again. */
  forget(id?: string): void {
    for (const [digest, { caller }] of this.cache.entries()) if (!id || caller.tenant.id === id || caller.key.id === id) this.cache.delete(digest)
  }

  private judge(cached: CachedCaller | null): Authentication {
    if (!cached || !isUsable(cached.record, this.clock.now())) return { kind: 'refused', refusal: refuse('invalid_api_key') }
    if (cached.record.tenant.is_suspended) return { kind: 'refused', refusal: refuse('tenant_suspended') }
    return { kind: 'caller', caller: cached.caller, cidrs: cached.record.key.ip_cidrs }
  }

  private load(digest: string, credential: string, publicId: string): Promise<CachedCaller | null> {
    const running = this.loading.get(digest)
    if (running) return running
    const loading = this.read(digest, credential, publicId).finally(() => this.loading.delete(digest))
    this.loading.set(digest, loading)
    return loading
  }

  private async read(digest: string, credential: string, publicId: string): Promise<CachedCaller | null> {
    const record = await this.find(publicId)
    const hash = hashApiKey(credential, this.config.TOLLGATE_KEY_PEPPER)
    // An unknown id is compared too, so that it takes as long as a wrong secret.
    const matches = isSameHash(hash, record ? Buffer.from(record.key.key_hash, 'hex') : Buffer.alloc(hash.length))
    if (!record || !matches) return null
    const cached = { caller: callerOf(record), record, loadedAtMs: this.clock.now() }
    this.cache.set(digest, cached)
    this.remember(record)
    return cached
  }

  private async find(publicId: string): Promise<KeyRecord | null> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error('key look-up timed out')), LOOKUP_MOST_MS)))
    return Promise.race([this.store.find(publicId), late]).finally(() => clearTimeout(timer))
  }

  private remember(record: KeyRecord): void {
    const today = new Date(this.clock.now()).toISOString().slice(0, 10)
    if (record.key.last_used_on !== today) this.store.touch(record.tenant.id, record.key.id, today).catch(() => undefined)
  }
}
