import { Inject, Injectable } from '@nestjs/common'
import { refuse, type Caller, type Clock, type Refusal } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { ChangeNotices } from '@tollgate/platform/redis'
import { KeptRecords } from '@tollgate/platform/snapshot'
import { ApiKeyStore } from './api-key.store'
import { parseApiKey } from './domain/api-key'
import { callerOf, isUsable, type KeyRecord } from './domain/caller-record'
import { credentialDigest, hashApiKey, isSameHash } from './key-hash'

/** A record is trusted this long before it is read again. Revocation does not wait for it: admission checks it. */
const FRESH_MS = 10_000
/**
 * While Postgres is away a known record serves this long: an outage of ten minutes stops nobody (I4, T06). A revoked key and
 * a changed tenant are met at admission all the while (I10); with Redis away too, nobody is admitted.
 */
const STALE_MS = 900_000
const MOST_RECORDS = 50_000
/** A Postgres that swallows packets must not hold callers: a look-up that takes longer has failed. */
const LOOKUP_MOST_MS = 2_000

interface CachedCaller {
  readonly caller: Caller
  readonly record: KeyRecord
  readonly digest: string
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
  private readonly known: KeptRecords<CachedCaller>
  /** What a caller was made from, for as long as a call holds it: a notice may drop it from `known` in the middle of one. */
  private readonly origins = new WeakMap<Caller, CachedCaller>()

  constructor(
    private readonly store: ApiKeyStore,
    @Inject(CONFIG) private readonly config: ClusterConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    notices: ChangeNotices,
  ) {
    this.known = new KeptRecords({ most: MOST_RECORDS, freshMs: FRESH_MS, staleMs: STALE_MS, mostReadMs: LOOKUP_MOST_MS }, clock)
    notices.listen((notice) => notice.topic === 'caller' && this.forget(notice.id))
  }

  async authenticate(credential: string): Promise<Authentication> {
    const parsed = parseApiKey(credential)
    if (!parsed) return { kind: 'refused', refusal: refuse('invalid_api_key'), isJunk: true }
    try {
      const digest = credentialDigest(credential)
      return this.judge(await this.known.get(digest, () => this.read(credential, parsed.publicId, digest)))
    } catch {
      return { kind: 'refused', refusal: refuse('accounts_unavailable', {}, { retryAfterSeconds: 2 }) }
    }
  }

  /** Reads a caller again whose record is older than a change (libs/limits, epoch). @param caller as `authenticate` or this gave it */
  async renew(caller: Caller): Promise<Authentication> {
    const { digest, record } = this.origins.get(caller)!
    try {
      const renewed = await this.known.renew(digest, async () => {
        const fresh = await this.store.find(record.key.public_id)
        return fresh && fresh.key.key_hash === record.key.key_hash ? this.cached(fresh, digest) : null
      })
      return this.judge(renewed)
    } catch {
      return { kind: 'refused', refusal: refuse('accounts_unavailable', {}, { retryAfterSeconds: 2 }) }
    }
  }

  /** Drops cached records of a tenant or key, or all: the next call reads them again. */
  forget(id?: string): void {
    for (const [digest, { caller }] of this.known.entries()) if (!id || caller.tenant.id === id || caller.key.id === id) this.known.forget(digest)
  }

  private judge(cached: CachedCaller | null): Authentication {
    if (!cached || !isUsable(cached.record, this.clock.now())) return { kind: 'refused', refusal: refuse('invalid_api_key') }
    if (cached.record.tenant.is_suspended) return { kind: 'refused', refusal: refuse('tenant_suspended') }
    return { kind: 'caller', caller: cached.caller, cidrs: cached.record.key.ip_cidrs }
  }

  private async read(credential: string, publicId: string, digest: string): Promise<CachedCaller | null> {
    const record = await this.store.find(publicId)
    const hash = hashApiKey(credential, this.config.TOLLGATE_KEY_PEPPER)
    // An unknown id is compared too, so that it takes as long as a wrong secret.
    const matches = isSameHash(hash, record ? Buffer.from(record.key.key_hash, 'hex') : Buffer.alloc(hash.length))
    if (!record || !matches) return null
    this.remember(record)
    return this.cached(record, digest)
  }

  private cached(record: KeyRecord, digest: string): CachedCaller {
    const cached = { caller: callerOf(record), record, digest }
    this.origins.set(cached.caller, cached)
    return cached
  }

  private remember(record: KeyRecord): void {
    const today = new Date(this.clock.now()).toISOString().slice(0, 10)
    if (record.key.last_used_on !== today) this.store.touch(record.tenant.id, record.key.id, today).catch(() => undefined)
  }
}
