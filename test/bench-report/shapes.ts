import type { Dataset } from './dataset'

/** Who answers: the gateway a tenant's key, the control plane an operator. */
export type Door = 'gateway' | 'admin'

/** A report as somebody asks for it, and the milliseconds that its p95 may take (null: printed, not judged). */
export interface Shape {
  readonly title: string
  readonly door: Door
  readonly path: string
  readonly tenant: 'biggest' | 'typical' | 'all'
  readonly mostMs: number | null
}

const TENANT_MS = 50
const ALL_MS = 150
const GROUPS = ['model', 'project', 'api_key', 'region', 'provider', 'host', 'day', 'hour']
const MARGINS = ['model', 'host', 'provider', 'region', 'tenant', 'day']

/** Every grouping of the last whole month, alone; then tables and pages; and what a period costs that is no whole month. */
export function shapesOf({ from, to }: Dataset): Shape[] {
  const month = `from=${from}&to=${to}`
  const cost = (tenant: 'biggest' | 'typical', query: string): Shape => ({ title: `${tenant} tenant: ${query || 'models'}`, door: 'gateway', path: `/cost-report?${month}${query && `&${query}`}`, tenant, mostMs: TENANT_MS })
  const all = (query: string): Shape => ({ title: `all tenants: ${query || 'totals'}`, door: 'admin', path: `/admin/reports/cost?${month}${query && `&${query}`}`, tenant: 'all', mostMs: ALL_MS })
  const margin = (query: string): Shape => ({ title: `margin: ${query || 'totals'}`, door: 'admin', path: `/admin/reports/margin?${month}${query && `&${query}`}`, tenant: 'all', mostMs: ALL_MS })
  const days = (query: string): Shape => ({ ...all(query), title: `all tenants, a day less: ${query}`, path: `/admin/reports/cost?from=${from.slice(0, 8)}02&to=${to}&${query}`, mostMs: null })
  return [
    ...['', ...GROUPS.map((group) => `group_by=${group}`), 'group_by=model,project,api_key', 'group_by=model,day&format=csv', 'group_by=api_key,model,host&limit=100'].map((query) => cost('biggest', query)),
    ...['', ...GROUPS.map((group) => `group_by=${group}`)].map((query) => cost('typical', query)),
    ...['', 'tenant', ...GROUPS.filter((group) => group !== 'project')].map((group) => all(group && `group_by=${group}`)),
    ...['group_by=tenant,project', 'group_by=tenant,model&format=csv', 'group_by=tenant,model,host&limit=1000'].map(all),
    ...['group_by=model', 'group_by=api_key'].map(days),
    ...['', ...MARGINS.map((group) => `group_by=${group}`)].map(margin),
  ]
}
