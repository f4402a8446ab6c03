import { z } from 'zod'

/** A schema as the document has it: parts with a `meta({ id })` are components by that name, and referred to. */
export interface Converted {
  readonly schema: Readonly<Record<string, unknown>>
  readonly components: Readonly<Record<string, unknown>>
}

/** zod's own JSON Schema of what a caller sends (`input`: a transform is told by what goes in) or is answered (`output`). */
export function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): Converted {
  const { $schema: _dialect, $defs = {}, id, ...body } = z.toJSONSchema(schema, { io, unrepresentable: 'any', override: asJson }) as Record<string, unknown>
  const named = typeof id === 'string' ? { schema: { $ref: `#/$defs/${id}` }, components: { ...($defs as object), [id]: body } } : { schema: body, components: $defs }
  return JSON.parse(JSON.stringify(named, (key, part: unknown) => (key === 'id' && typeof part === 'string' ? undefined : part)).replaceAll('"#/$defs/', '"#/components/schemas/')) as Converted
}

/** Dates are text on the wire; that a value is read-only to our own code is nobody else's affair. */
function asJson({ zodSchema, jsonSchema }: { zodSchema: { _zod: { def: { type: string } } }; jsonSchema: Record<string, unknown> }): void {
  const { type } = zodSchema._zod.def
  if (type === 'date') Object.assign(jsonSchema, { type: 'string', format: 'date-time' })
  if (type === 'readonly') delete jsonSchema['readOnly']
}
