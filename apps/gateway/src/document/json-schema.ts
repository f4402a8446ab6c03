import { z } from 'zod'

/** Schemas by their name in the document. */
export type Components = Record<string, unknown>

/** A schema as JSON Schema: of what a caller sends (`input`), or is answered (`output`). Parts with a `meta({ id })` become components, and are referred to. */
export function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output', components: Components): Record<string, unknown> {
  const { $schema: _dialect, $defs = {}, id, ...body } = z.toJSONSchema(schema, { io, unrepresentable: 'any', override: dated }) as Record<string, unknown>
  const named = typeof id === 'string' ? { ...($defs as Components), [id]: body } : ($defs as Components)
  for (const [name, part] of Object.entries(named)) add(components, name, plain(part))
  return plain(typeof id === 'string' ? { $ref: `#/$defs/${id}` } : body)
}

/** One name means one schema. */
function add(components: Components, name: string, part: unknown): void {
  if (components[name] && JSON.stringify(components[name]) !== JSON.stringify(part)) throw new Error(`Two schemas have the id ${name}; rename one of them`)
  components[name] = part
}

/** As a document has it: names are where the references say, and nowhere else. */
function plain(part: unknown): Record<string, unknown> {
  return JSON.parse(JSON.stringify(part, (key, value: unknown) => (key === 'id' && typeof value === 'string' ? undefined : value)).replaceAll('"#/$defs/', '"#/components/schemas/')) as Record<string, unknown>
}

function dated({ zodSchema, jsonSchema }: { zodSchema: { _zod: { def: { type: string } } }; jsonSchema: Record<string, unknown> }): void {
  if (zodSchema._zod.def.type === 'date') Object.assign(jsonSchema, { type: 'string', format: 'date-time' })
}
