/** A JSON object as it came from a caller: nothing is known of its members. */
export type JsonObject = Record<string, unknown>

/** Says whether a value is a JSON object, neither null nor an array. */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The value if it is an object, else an empty one. */
export const objectOf = (value: unknown): JsonObject => (isObject(value) ? value : {})

/** The value if it is an array, else an empty one. */
export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

/** The value if it is text, else undefined. */
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** The value if it is a number, else undefined. */
export const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)

const ESCAPED_BY_GO = /[<>&\u2028\u2029]/
const ALL_ESCAPED_BY_GO = /[<>&\u2028\u2029]/g
const escapeForGo = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** JSON as Go's encoder writes it: `<`, `>`, `&` and the two line separators are escaped (ollama-api.md, section 1). */
export function goJson(value: unknown): string {
  const text = JSON.stringify(value)
  return ESCAPED_BY_GO.test(text) ? text.replace(ALL_ESCAPED_BY_GO, escapeForGo) : text
}

/** Name of a JSON value's type as Go's decoder prints it in its complaints. */
export function goTypeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (value === null) return 'null'
  if (typeof value === 'boolean') return 'bool'
  return typeof value
}
