import { LRUCache } from 'lru-cache'
import type { Clock } from '@tollgate/kernel'
import { within } from '@tollgate/platform/clock'

/** A store that is away is asked for a record again at most this often, and nobody waits for that. */
const RETRY_MS = 1_000

/** Times in ms. */
export interface KeepingTerms {
  readonly most: number
  /** A record is trusted this long before it is read again. */
  readonly freshMs: number
  /** While its store is away a known record serves this long since it was read. */
  readonly staleMs: number
  /** A read that takes longer has failed: a store that swallows packets must not hold callers. */
  readonly mostReadMs: number
}

interface Kept<T> {
  readonly value: T
  readonly readAtMs: number
  /** Set while the store is away: not before then is it asked again. */
  retryAtMs: number | null
}

/** Records of a store by key, in memory: read once for all who ask at once, read again when they are old, served on while the store is away. */
export class KeptRecords<T extends object> {
  private readonly kept: LRUCache<string, Kept<T>>
  private readonly reading = new Map<string, Promise<T | null>>()

  constructor(
    private readonly terms: KeepingTerms,
    private readonly clock: Clock,
  ) {
    this.kept = new LRUCache({ max: terms.most })
  }

  /** The record, null when there is none. @throws what `read` throws, when nothing is known or that is too old */
  async get(key: string, read: () => Promise<T | null>): Promise<T | null> {
    const known = this.kept.get(key)
    const nowMs = this.clock.now()
    if (!known) return this.renew(key, read)
    if (nowMs - known.readAtMs < this.terms.freshMs) return known.value
    const serves = nowMs - known.readAtMs < this.terms.staleMs
    if (serves && known.retryAtMs !== null) {
      if (nowMs >= known.retryAtMs) {
        known.retryAtMs = nowMs + RETRY_MS
        this.renew(key, read).catch(() => undefined)
      }
      return known.value
    }
    try {
      return await this.renew(key, read)
    } catch (error) {
      if (!serves) throw error
      known.retryAtMs = this.clock.now() + RETRY_MS
      return known.value
    }
  }

  /** The record if it need not be read. */
  fresh(key: string): T | undefined {
    const known = this.kept.get(key)
    return known && this.clock.now() - known.readAtMs < this.terms.freshMs ? known.value : undefined
  }

  /** Every record that is known, however old. */
  *entries(): Iterable<readonly [key: string, value: T]> {
    for (const [key, { value }] of this.kept.entries()) yield [key, value]
  }

  private keep(key: string, value: T): void {
    this.reading.delete(key)
    this.kept.set(key, { value, readAtMs: this.clock.now(), retryAtMs: null })
  }

  /** The next who asks has it read again; what is being read now is not kept. */
  forget(key: string): void {
    this.reading.delete(key)
    this.kept.delete(key)
  }

  clear(): void {
    this.reading.clear()
    this.kept.clear()
  }

  /** Reads it now, however fresh it is. @throws what `read` throws */
  renew(key: string, read: () => Promise<T | null>): Promise<T | null> {
    const running = this.reading.get(key)
    if (running) return running
    const reading = within(this.terms.mostReadMs, read()).then(
      (value) => {
        if (this.reading.get(key) !== reading) return value
        if (value) this.keep(key, value)
        else this.forget(key)
        return value
      },
      (error: unknown) => {
        if (this.reading.get(key) === reading) this.reading.delete(key)
        throw error
      },
    )
    this.reading.set(key, reading)
    return reading
  }
}
