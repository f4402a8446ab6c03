import type { Command } from '../command'
import { table } from '../table'

/** A key as far as it is shown. */
export interface Key {
  readonly id: string
  readonly name: string
  readonly key_prefix: string
  readonly usage_monthly: string
  readonly limit_remaining: string | null
  readonly expires_at: string | null
  readonly revoked_at: string | null
  readonly last_used_at: string | null
}

export const keysList: Command = {
  name: 'keys list',
  args: ['<tenant>'],
  summary: 'API keys of a tenant, with what they spent this month',
  async run({ args, api, show }) {
    const keys = await api.list<Key>(`/admin/tenants/${encodeURIComponent(args[0]!)}/keys`)
    const rows = keys.map((key) => [key.id, key.name, key.key_prefix, key.usage_monthly, key.revoked_at ? 'revoked' : key.expires_at ? `until ${key.expires_at.slice(0, 10)}` : ''])
    show(keys, rows.length > 0 ? table(['ID', 'NAME', 'PREFIX', 'THIS MONTH', ''], rows) : `${args[0]} has no key. \`tollgate keys create ${args[0]} <name>\` makes one.`)
  },
}
