/** Where something stands in the file, both from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** Keys and indexes from the root of the file. */
export type Path = readonly (string | number)[]

/** Something wrong in the file. */
export interface Fault extends Place {
  /** As `hosts.0.region`; empty for the file as a whole. */
  readonly path: string
  readonly message: string
}

/** One object of the file: a tier, a host, a model. */
export interface Entry {
  readonly value: Readonly<Record<string, unknown>>
  readonly path: Path
  /** Fields that stand under another name in the file, as `baseUrl` of a host under `base_url` of a runtime model. */
  readonly names?: Readonly<Record<string, string>>
}

/** Where a field of an entry stands in the file. */
export function pathOf({ path, names }: Entry, field: Path = []): Path {
  const [first, ...rest] = field
  return first === undefined ? path : [...path, typeof first === 'string' ? (names?.[first] ?? first) : first, ...rest]
}
