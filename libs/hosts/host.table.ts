import { EntitySchema } from 'typeorm'
import { countColumn, picoColumn } from '@tollgate/platform/postgres'
import type { HostRecord } from './domain/host-record'

/** `host` of migration 0002. */
export const HostTable = new EntitySchema<HostRecord>({
  name: 'host',
  columns: {
    id: { type: 'uuid', primary: true, primaryKeyConstraintName: 'host_pk' },
    name: { type: 'text' },
    region: { type: 'text' },
    provider: { type: 'text' },
    baseUrl: { name: 'base_url', type: 'text' },
    maxParallel: { name: 'max_parallel', type: 'integer', default: 4 },
    weight: { type: 'integer', default: 1 },
    costPerHourPico: picoColumn('cost_per_hour_pico', { nullable: true }),
    vramBytes: countColumn('vram_bytes', { nullable: true }),
    diskBytes: countColumn('disk_bytes', { nullable: true }),
    isEnabled: { name: 'enabled', type: 'boolean', default: true },
    isDraining: { name: 'drain', type: 'boolean', default: true },
    isSandbox: { name: 'is_sandbox', type: 'boolean', default: false },
    secret: { type: 'bytea', nullable: true },
    secretHint: { name: 'secret_hint', type: 'text', nullable: true },
    secretFingerprint: { name: 'secret_fingerprint', type: 'text', nullable: true },
    status: { type: 'text', default: 'unknown' },
    unhealthySince: { name: 'unhealthy_since', type: 'timestamptz', nullable: true },
    version: { type: 'text', nullable: true },
    lastProbeAt: { name: 'last_probe_at', type: 'timestamptz', nullable: true },
    lastError: { name: 'last_error', type: 'text', nullable: true },
    isOpenToAll: { name: 'is_open_to_all', type: 'boolean', nullable: true },
    createdAt: { name: 'created_at', type: 'timestamptz', default: () => 'now()' },
    updatedAt: { name: 'updated_at', type: 'timestamptz', default: () => 'now()' },
  },
  uniques: [{ name: 'host_name_key', columns: ['name'] }],
  checks: [
    { name: 'host_name_form', expression: `name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'` },
    { name: 'host_parallel_positive', expression: 'max_parallel > 0' },
    { name: 'host_weight_positive', expression: 'weight > 0' },
    { name: 'host_cost_positive', expression: 'cost_per_hour_pico >= 0' },
    { name: 'host_vram_positive', expression: 'vram_bytes > 0' },
    { name: 'host_disk_positive', expression: 'disk_bytes > 0' },
    { name: 'host_status_known', expression: `status IN ('unknown', 'healthy', 'degraded', 'unhealthy')` },
  ],
  foreignKeys: [{ name: 'host_region_fk', target: 'region', columnNames: ['region'], referencedColumnNames: ['slug'] }],
})
