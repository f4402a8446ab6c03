import { aliasPath, SCOPE_OPTIONS } from '../alias-scope'
import type { Command } from '../command'

export const aliasesRm: Command = {
  name: 'aliases rm',
  args: ['<alias>'],
  summary: 'take a name away',
  options: SCOPE_OPTIONS,
  async run({ args, options, api, show }) {
    const { path, query } = aliasPath(options)
    await api.json('DELETE', `${path}/${encodeURIComponent(args[0]!)}${query}`)
    show({ removed: args[0] }, `${args[0]} is no alias any more.`)
  },
}
