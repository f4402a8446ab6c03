import type { CatalogModel } from './model'

/** A catalogue row as stored: `capabilities` are the names a host reports; sizes in bytes. */
export type ModelEntry = Omit<CatalogModel, 'capabilities'> & { readonly capabilities: readonly string[] | Readonly<Record<string, never>> }

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
