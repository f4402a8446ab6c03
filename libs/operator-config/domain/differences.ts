/** A field that is to change; `from` is undefined for an object that is to be made. */
export interface FieldChange {
  readonly field: string
  readonly from?: unknown
  readonly to: unknown
}

/**
 * Fields in which an object as it is to be differs from what it is. Both as the wire has them: money as text, names
 * canonical, so that what means the same is the same.
 */
export function differences(before: Readonly<Record<string, unknown>> | null, after: Readonly<Record<string, unknown>>): FieldChange[] {
  if (before === null) return Object.entries(after).flatMap(([field, to]) => (isEmpty(to) ? [] : [{ field, to }]))
  return Object.entries(after).flatMap(([field, to]) => (to === undefined || isSame(before[field], to) ? [] : [{ field, from: before[field], to }]))
}

/** Deep equality of JSON values; the order of keys counts for nothing, dates count as their text. */
function isSame(one: unknown, other: unknown): boolean {
  return sorted(one) === sorted(other)
}

function sorted(value: unknown): string {
  return JSON.stringify(value ?? null, (_key, inner: unknown) => (inner && typeof inner === 'object' && !Array.isArray(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner))
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (typeof value === 'object' && !(value instanceof Date) && Object.keys(value).length === 0)
}
