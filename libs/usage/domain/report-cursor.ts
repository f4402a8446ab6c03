/** A place in the lines of a report: the keys of the last line read, in the order of the grouping. Opaque to clients. */
export function cursorOf(groupBy: readonly string[], keys: readonly string[]): string {
  return Buffer.from(JSON.stringify([groupBy, keys])).toString('base64url')
}

/** The keys of a cursor, or null when it is none, or of another grouping. */
export function keysOf(cursor: string, groupBy: readonly string[]): string[] | null {
  let read: unknown
  try {
    read = JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    return null
  }
  if (!Array.isArray(read) || read.length !== 2 || JSON.stringify(read[0]) !== JSON.stringify(groupBy)) return null
  const keys: unknown = read[1]
  // Postgres takes no NUL in a text.
  const isKey = (key: unknown): key is string => typeof key === 'string' && !key.includes('\u0000')
  return Array.isArray(keys) && keys.length >= groupBy.length && keys.length <= groupBy.length + 1 && keys.every(isKey) ? keys : null
}
