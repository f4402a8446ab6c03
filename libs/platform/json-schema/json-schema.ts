import { z } from 'zod'

/** Schemas by their name in a document. */
export type Components = Record<string, unknown>

/**
 * A zod schema as JSON Schema for an OpenAPI 3.1 document: of what a caller sends (`input`: a transform is told by what
 * goes in), or is answered (`output`). Parts with a `meta({ id })` are added to the components, and referred to.
 * @throws when a component of that name has another shape
 */
export function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output', components: Components): Record<string, unknown> {
  const { $schema: _dialect, $defs = {}, id, ...body } = z.toJSONSchema(schema, { io, unrepresentable: 'any', override: asJson }) as Record<string, unknown>
  const named = typeof id === 'string' ? { ...($defs as Components), [id]: body } : ($defs as Components)
  for (const [name, part] of Object.entries(named)) addComponent(components, name, plain(part))
  return plain(typeof id === 'string' ? { $ref: `#/$defs/${id}` } : body)
}

/** One name means one schema. @throws when it means two */
export function addComponent(components: Components, name: string, part: unknown): void {
  if (components[name] && JSON.stringify(components[name]) !== JSON.stringify(part)) throw new Error(`Two schemas have the id ${name}; rename one of them`)
  components[name] = part
}

/** As a document has it: names are where the references say, and nowhere else. */
function plain(part: unknown): Record<string, unknown> {
  return JSON.parse(JSON.stringify(part, (key, value: unknown) => (key === 'id' && typeof value === 'string' ? undefined : value)).replaceAll('"#/$defs/', '"#/components/schemas/')) as Record<string, unknown>
}

/** Dates are text on the wire; that a value is read-only to our own code is nobody else's affair. */
function asJson({ zodSchema, jsonSchema }: { zodSchema: { _zod: { def: { type: string } } }; jsonSchema: Record<string, unknown> }): void {
  const { type } = zodSchema._zod.def
  if (type === 'date') Object.assign(jsonSchema, { type: 'string', format: 'date-time' })
  if (type === 'readonly') delete jsonSchema['readOnly']
}
