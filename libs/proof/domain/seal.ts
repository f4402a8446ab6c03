import { hash } from 'node:crypto'

/** What precedes the first link of every chain. */
export const GENESIS = '0'.repeat(64)

/** The ledger row that a link seals. Amounts and times are exact decimal text: pico, microseconds since 1970. */
export interface LedgerFact {
  readonly tenantId: string
  readonly day: string
  readonly rid: string
  readonly rank: number
  readonly deltaPico: string
  readonly recordedAtUs: string
}

/**
 * SHA-256 of a usage row's text: a compact JSON array of `tollgate usage 1` and every column beside its key, as texts
 * (`USAGE_TEXT` in ledger-seal.store.ts). JSON frames the values, so no two rows share a text.
 */
export function usageHash(text: string): string {
  return sha256(text)
}

/**
 * The hash of link `seq`: SHA-256 of the previous hash, as 64 hex digits, and the JSON text of the ledger row and of
 * the usage row's hash (null when a higher rank had replaced that row before it could be sealed).
 */
export function sealHash(previousHash: string, seq: number, fact: LedgerFact, hashOfUsage: string | null): string {
  return sha256(previousHash + JSON.stringify(['tollgate ledger 1', fact.tenantId, seq, fact.day, fact.rid, fact.rank, fact.deltaPico, fact.recordedAtUs, hashOfUsage]))
}

function sha256(text: string): string {
  return hash('sha256', text, 'hex')
}
