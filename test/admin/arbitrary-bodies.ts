import fc from 'fast-check'
import { anyCharacter } from '../support/any-text'

/** As much of JSON Schema as the document's bodies and parameters use. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly propertyNames?: Schema
  readonly items?: Schema
  readonly minItems?: number
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
}

/** Values that bad clients send where another one belongs. */
const ODD: readonly unknown[] = [null, true, 0, -1, 1e308, 2 ** 53, 0.1, '', ' ', '0', 'x'.repeat(300), [], {}, [[]], [null], { a: { b: [] } }, '\u2028', '__proto__', "'; DROP TABLE tenant; --"]
const LONGEST = 60

/** What is valid by a schema as far as it tells; of strings, words that mean something to the one who asks, where they fit. */
export function validBy(schema: Schema, components: Readonly<Record<string, Schema>>, words: readonly string[]): fc.Arbitrary<unknown> {
  const sub = (part: Schema) => validBy(part, components, words)
  if (schema.$ref) return sub(components[schema.$ref.split('/').at(-1)!]!)
  const choices = schema.anyOf ?? schema.oneOf
  if (choices) return fc.oneof(...choices.map(sub))
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if ('const' in schema) return fc.constant(schema.const)
  if (schema.type === 'string') return text(schema, words)
  if (schema.type === 'integer' || schema.type === 'number') return number(schema)
  if (schema.type === 'boolean') return fc.boolean()
  if (schema.type === 'null') return fc.constant(null)
  if (schema.type === 'array') return fc.array(sub(schema.items ?? {}), { minLength: schema.minItems ?? 0, maxLength: Math.max(3, schema.minItems ?? 0) })
  if (schema.type === 'object') return object(schema, sub, words)
  return fc.constantFrom(...ODD)
}

/** One thing wrong with a value, somewhere: a part replaced, left out, or one too many. */
export function mangled(value: unknown): fc.Arbitrary<unknown> {
  return fc.record({ at: fc.nat(), part: fc.oneof(fc.constantFrom(...ODD), fc.string({ unit: anyCharacter })), kind: fc.constantFrom('replace', 'omit', 'add') }).map(({ at, part, kind }) => {
    const copy = structuredClone({ value })
    const places: [Record<string, unknown>, string][] = []
    const walk = (holder: object) => {
      for (const [key, inner] of Object.entries(holder)) {
        places.push([holder as Record<string, unknown>, key])
        if (inner && typeof inner === 'object') walk(inner)
      }
    }
    walk(copy)
    const [holder, key] = places[at % places.length]!
    if (kind === 'omit') delete holder[key]
    else if (kind === 'add') holder[`${key}_x`] = part
    else holder[key] = part
    return copy.value
  })
}

function text(schema: Schema, words: readonly string[]): fc.Arbitrary<string> {
  const fits = new RegExp(schema.pattern ?? '', 'u')
  const known = words.filter((word) => fits.test(word) && word.length >= (schema.minLength ?? 0) && word.length <= (schema.maxLength ?? Infinity))
  const made = schema.pattern && schema.pattern !== '\\S' && schema.pattern.length < LONGEST ? fc.stringMatching(new RegExp(schema.pattern)) : fc.string({ unit: anyCharacter, minLength: schema.minLength ?? 0, maxLength: Math.min(LONGEST, schema.maxLength ?? LONGEST) })
  return known.length > 0 ? fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: made }) : made
}

function number({ type, minimum, maximum, exclusiveMinimum }: Schema): fc.Arbitrary<number> {
  const min = Math.ceil(minimum ?? (exclusiveMinimum === undefined ? -1_000 : exclusiveMinimum + 1))
  const max = Math.max(min, Math.min(maximum ?? 1_000_000, Number.MAX_SAFE_INTEGER))
  const whole = fc.oneof(fc.integer({ min: Math.max(min, -(2 ** 31)), max: Math.min(max, 2 ** 31 - 1) }), fc.constantFrom(min, max))
  return type === 'integer' ? whole : fc.oneof(whole, fc.constant(Math.min(max, min + 0.5)))
}

function object({ properties = {}, required = [], additionalProperties, propertyNames }: Schema, sub: (part: Schema) => fc.Arbitrary<unknown>, words: readonly string[]): fc.Arbitrary<unknown> {
  const parts = Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, sub(part)]))
  // Few of the optional ones, mostly: each of them may be what is refused.
  const few = fc.tuple(fc.record(Object.fromEntries(required.map((name) => [name, parts[name]!]))), fc.constantFrom(undefined, ...Object.keys(parts))).chain(([some, one]) => (one === undefined ? fc.constant(some) : parts[one]!.map((value) => ({ ...some, [one]: value }))))
  const known = fc.oneof({ weight: 3, arbitrary: few }, { weight: 1, arbitrary: fc.record(parts, { requiredKeys: [...required] }) })
  if (typeof additionalProperties !== 'object') return known
  const names = text(propertyNames ?? {}, words)
  return fc.tuple(known, fc.dictionary(names, sub(additionalProperties), { maxKeys: 3 })).map(([some, more]) => ({ ...more, ...(some as object) }))
}
