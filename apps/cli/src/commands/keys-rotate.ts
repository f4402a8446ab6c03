import type { Command } from '../command'
import { text } from '../option-values'
import { UsageError } from '../terminal'

export const keysRotate: Command = {
  name: 'keys rotate',
  args: ['<tenant>', '<id>'],
  summary: 'a new key with the same rights; the old one ends after the overlap',
  options: { overlap: { type: 'string', summary: 'seconds both are valid, at most 86400 (3600)' } },
  async run({ args: [tenant, id], options, api, terminal, show }) {
    const overlap = text(options, 'overlap') ?? '3600'
    if (!/^\d{1,5}$/.test(overlap)) throw new UsageError(`--overlap must be seconds from 0 to 86400, not "${overlap}".`)
    const made = await api.json<{ id: string; key: string; replaces: { expires_at: string } }>('POST', `/admin/tenants/${encodeURIComponent(tenant!)}/keys/${encodeURIComponent(id!)}/rotate`, { overlap_seconds: Number(overlap) })
    if (options.json !== true) terminal.stderr.write(`Key ${made.id} replaces ${id}, which ends at ${made.replaces.expires_at}. It is shown this once:\n`)
    show(made, made.key)
  },
}
