import type { CatalogModel } from './model'

/** A catalogue row as stored: `capabilities` are the names a host reports; sizes in bytes. */
export type ModelEntry = Omit<CatalogModel, 'capabilities' | 'namedPrompt'> & {
  readonly capabilities: readonly string[] | Readonly<Record<string, never>>
  /** What it was made from, as its operator wrote it; null for pulled and cloud models. */
  readonly modelfile: string | null
  /** Calls go only to deployments of this digest; null = any. */
  readonly pinnedDigest: string | null
  /** Null until something of it was kept as a version. */
  readonly currentVersion: number | null
  /** The context length is an operator's: what hosts say of it is not taken. */
  readonly isContextSet: boolean
}

/**
 * Where a model stands, from what the hosts hold: `available` = on a host that takes calls, `missing` = on none,
 * `pending` = an operator's entry that no host ever had.
 */
export type ModelStatus = 'available' | 'missing' | 'pending'

/** Status of an entry. @param holders hosts that have it at their last probe and take calls */
export function statusOf(entry: Pick<ModelEntry, 'origin' | 'sizeBytes'>, holders: number): ModelStatus {
  if (holders > 0) return 'available'
  return entry.origin === 'operator' && entry.sizeBytes === null ? 'pending' : 'missing'
}
