import { EntitySchema } from 'typeorm'
import type { Region } from './domain/host-record'

/** `region` of migration 0002. */
export const RegionTable = new EntitySchema<Region>({
  name: 'region',
  columns: {
    slug: { type: 'text', primary: true, primaryKeyConstraintName: 'region_pk' },
    name: { type: 'text' },
  },
  checks: [{ name: 'region_slug_form', expression: `slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'` }],
})
