import { Database, type Tx } from '@tollgate/platform/postgres'
import type { KeyRecord } from './domain/key-record'

const KEPT_HOURS = 24

/** Where the keys of a plane are kept, and whose they are. */
export interface KeyTable {
  readonly name: 'idempotent_call' | 'idempotent_mutation'
  readonly holder: 'tenant_id' | 'account_id'
}

/** Which key: of whom (tenant or account id), on which route, by its hash. */
export interface KeyPlace {
  readonly holder: string
  readonly route: string
  readonly keyHash: Buffer
}

/** A life of a key that some request works on: only its `owner` may end it. */
export interface KeyLife {
  readonly place: KeyPlace
  readonly rid: string
  readonly owner: string
}

const AT = (table: KeyTable) => `${table.holder} = $1 AND route = $2 AND key_hash = $3`
const keyOf = (place: KeyPlace) => [place.holder, place.route, place.keyHash]

/**
 * Keys of one plane in Postgres: a key must outlive any Redis, since a wiped one would let the same key be billed again.
 * Every method is one statement on the primary key, decided by the row itself, so gateways need no other agreement.
 */
export class KeyStore {
  constructor(
    private readonly database: Database,
    private readonly table: KeyTable,
  ) {}

  /** Takes a key nobody has: null. Otherwise the record that is there; undefined when it went while we looked. */
  async claim({ place, rid, owner }: KeyLife, bodyHash: Buffer, leaseMs: number): Promise<KeyRecord | null | undefined> {
    return this.within(place.holder, async (tx) => {
      const taken = await tx.query<object[]>(
        `INSERT INTO ${this.table.name} (${this.table.holder}, route, key_hash, body_hash, rid, owner, leased_until, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 ms', now() + interval '${KEPT_HOURS} h') ON CONFLICT DO NOTHING RETURNING rid`,
        [...keyOf(place), bodyHash, rid, owner, leaseMs],
      )
      if (taken.length > 0) return null
      const [record] = await tx.query<KeyRecord[]>(
        `SELECT body_hash AS "bodyHash", rid, owner, leased_until > now() AS "isLeased", expires_at <= now() AS "isExpired", outcome FROM ${this.table.name} WHERE ${AT(this.table)}`,
        keyOf(place),
      )
      return record
    })
  }

  /** Takes over from an owner who is gone; one of many who try succeeds. A new `rid` starts the key's 24 hours anew. */
  async takeOver({ place, rid, owner }: KeyLife, gone: KeyRecord, bodyHash: Buffer, leaseMs: number): Promise<boolean> {
    const rows = await this.within(place.holder, (tx) =>
      tx.query<[object[], number]>(
        `UPDATE ${this.table.name} SET owner = $5, rid = $6, body_hash = $7, outcome = NULL, leased_until = now() + $8 * interval '1 ms',
           expires_at = CASE WHEN rid = $6 THEN expires_at ELSE now() + interval '${KEPT_HOURS} h' END
         WHERE ${AT(this.table)} AND owner = $4 AND leased_until <= now() RETURNING rid`,
        [...keyOf(place), gone.owner, owner, rid, bodyHash, leaseMs],
      ),
    )
    return rows[1] > 0
  }

  /** Keeps lives of one holder leased while their requests run. */
  async extend(holder: string, lives: readonly KeyLife[], leaseMs: number): Promise<void> {
    await this.within(holder, (tx) =>
      tx.query(
        `UPDATE ${this.table.name} k SET leased_until = now() + $5 * interval '1 ms' FROM unnest($2::text[], $3::bytea[], $4::uuid[]) AS life (route, key_hash, owner)
         WHERE k.${this.table.holder} = $1 AND k.route = life.route AND k.key_hash = life.key_hash AND k.owner = life.owner AND k.outcome IS NULL`,
        [holder, lives.map(({ place }) => place.route), lives.map(({ place }) => place.keyHash), lives.map(({ owner }) => owner), leaseMs],
      ),
    )
  }

  /** Writes how it ended. By request id, not by owner: whoever finished the work under it tells the truth. */
  async finish({ place, rid }: KeyLife, outcome: string): Promise<void> {
    await this.within(place.holder, (tx) => tx.query(`UPDATE ${this.table.name} SET outcome = $5, leased_until = now() WHERE ${AT(this.table)} AND rid = $4`, [...keyOf(place), rid, outcome]))
  }

  /** Forgets a key whose request was refused before anything was done. */
  async free({ place, owner }: KeyLife): Promise<void> {
    await this.within(place.holder, (tx) => tx.query(`DELETE FROM ${this.table.name} WHERE ${AT(this.table)} AND owner = $4 AND outcome IS NULL`, [...keyOf(place), owner]))
  }

  /** Leaves a key without a word on how it ended: abandoned from now on. */
  async leave({ place, owner }: KeyLife): Promise<void> {
    await this.within(place.holder, (tx) => tx.query(`UPDATE ${this.table.name} SET leased_until = now() WHERE ${AT(this.table)} AND owner = $4`, [...keyOf(place), owner]))
  }

  private within<T>(holder: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.table.holder === 'tenant_id' ? this.database.withTenant(holder, work) : this.database.asPlatform(work)
  }
}
