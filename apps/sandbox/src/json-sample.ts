import { isObject, listOf, objectOf, type JsonObject } from './json'

const DEEPEST = 20

/** A value that fits a JSON Schema in the plain cases (enum, const, the basic types, anyOf's first branch). */
export function sampleOf(schema: JsonObject, depth = 0): unknown {
  if (depth > DEEPEST) return null
  if ('const' in schema) return schema.const
  const first = listOf(schema.enum)[0]
  if (first !== undefined) return first
  const branch = listOf(schema.anyOf)[0] ?? listOf(schema.oneOf)[0]
  if (isObject(branch)) return sampleOf(branch, depth + 1)
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  switch (type) {
    case 'boolean':
      return true
    case 'integer':
    case 'number':
      return 1
    case 'string':
      return 'w1'
    case 'null':
      return null
    case 'array':
      return [sampleOf(objectOf(schema.items), depth + 1)]
    default:
      return Object.fromEntries(
        Object.entries(objectOf(schema.properties)).map(([key, inner]) => [key, sampleOf(objectOf(inner), depth + 1)]),
      )
  }
}
