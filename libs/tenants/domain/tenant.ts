import { createHash } from 'node:crypto'
import type { BudgetTerms } from '@tollgate/kernel'

/** The paying isolation unit. Money is pico of `currency`; null budgets mean the tier's own. */
export interface Tenant {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly tier: string
  readonly homeRegion: string
  readonly allowedRegions: readonly string[]
  readonly preferredModel: string | null
  readonly currency: string
  readonly timeZone: string
  /** Written by the database when `timeZone` changes (migration 0043). */
  readonly formerZones: readonly { readonly zone: string; readonly until: string }[]
  readonly billing: 'prepaid' | 'postpaid'
  readonly maxBudgetPico: bigint | null
  readonly softBudgetPico: bigint | null
  readonly budgetDuration: BudgetTerms['duration']
  readonly bucket: number
  readonly authEpoch: number
  /** Whole answers of calls with an Idempotency-Key are kept for 24 hours, sealed, and given again. */
  readonly replaysAnswers: boolean
  readonly isSuspended: boolean
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** A department, team or app of a tenant. */
export interface Project {
  readonly tenantId: string
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly defaultModel: string | null
  readonly allowedModels: readonly string[] | null
  readonly maxBudgetPico: bigint | null
  readonly softBudgetPico: bigint | null
  readonly budgetDuration: BudgetTerms['duration']
  readonly createdAt: Date
}

/** An API key as stored: of the secret only a keyed hash. `accountId` is who made it; null = an operator or seeding. */
export interface ApiKey {
  readonly tenantId: string
  readonly id: string
  readonly publicId: string
  readonly keyHash: Buffer
  readonly pepperVersion: number
  readonly keyPrefix: string
  readonly name: string
  readonly projectId: string | null
  readonly accountId: string | null
  readonly allowedModels: readonly string[] | null
  readonly allowedRegions: readonly string[] | null
  readonly rpmLimit: number | null
  readonly tpmLimit: number | null
  readonly maxParallelRequests: number | null
  readonly maxBudgetPico: bigint | null
  readonly softBudgetPico: bigint | null
  readonly budgetDuration: BudgetTerms['duration']
  readonly ipCidrs: readonly string[] | null
  readonly scopes: readonly string[]
  readonly expiresAt: Date | null
  readonly revokedAt: Date | null
  readonly lastUsedOn: string | null
  readonly createdAt: Date
}

/** What a key may be used for: the only scopes there are. Keys never reach the control plane. */
export const KEY_SCOPES = ['chat', 'models:read', 'report:read'] as const

const BUCKETS = 64

/** The virtual shard of a tenant (metering.md): a stable hash of its id, so it needs no table and never moves. */
export function bucketOf(tenantId: string): number {
  return createHash('sha256').update(tenantId).digest()[0]! % BUCKETS
}
