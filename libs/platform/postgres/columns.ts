import type { EntitySchemaColumnOptions, ValueTransformer } from 'typeorm'

const bigintText: ValueTransformer = {
  to: (value: bigint | null | undefined) => (value === null || value === undefined ? value : value.toString()),
  from: (value: string | null) => (value === null ? null : BigInt(value)),
}

/** An exact integer of pico units in a numeric(30) column, as bigint (the driver would give text). */
export function picoColumn(name: string, options: Partial<EntitySchemaColumnOptions> = {}): EntitySchemaColumnOptions {
  return { name, type: 'numeric', precision: 30, scale: 0, transformer: bigintText, ...options }
}

/** An exact integer in a bigint column, as bigint. */
export function bigintColumn(name: string, options: Partial<EntitySchemaColumnOptions> = {}): EntitySchemaColumnOptions {
  return { name, type: 'bigint', transformer: bigintText, ...options }
}

const countText: ValueTransformer = {
  to: (value: number | null | undefined) => value,
  from: (value: string | null) => (value === null ? null : Number(value)),
}

/** A count in a bigint column that stays far below 2⁵³ (bytes, tokens, epochs), as number. */
export function countColumn(name: string, options: Partial<EntitySchemaColumnOptions> = {}): EntitySchemaColumnOptions {
  return { name, type: 'bigint', transformer: countText, ...options }
}
