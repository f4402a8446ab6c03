import type { Command } from '../command'
import { table } from '../table'

export const profileList: Command = {
  name: 'profile list',
  args: [],
  summary: 'kept servers; a star marks the one in use',
  async run({ connection, show }) {
    const { profiles = {} } = connection.kept.read()
    // The end of a key tells two apart and opens nothing.
    const found = Object.entries(profiles).map(([name, { server, gateway, api_key: key }]) => ({ name, server, gateway, api_key: key ? `…${key.slice(-4)}` : null, in_use: name === connection.profile }))
    const rows = found.map(({ name, server, gateway, api_key: key, in_use: isUsed }) => [`${isUsed ? '*' : ' '} ${name}`, server, gateway === server ? '' : gateway, key ?? 'no key'])
    show(found, rows.length > 0 ? table(['  NAME', 'SERVER', 'GATEWAY', 'API KEY'], rows) : 'No profile is kept. `tollgate profile set <name> --server <address>` makes one.')
  },
}
