import type { Command } from '../command'
import { addressOf } from '../connection'
import { secretFrom } from '../secret-input'
import { UsageError } from '../terminal'

export const profileSet: Command = {
  name: 'profile set',
  args: ['<name>'],
  summary: 'keep a server under a name: --server, --gateway, and --api-key - to be asked for the key',
  async run({ args, options, connection, terminal, show }) {
    const name = args[0]!
    if (!/^[\w.-]{1,50}$/.test(name)) throw new UsageError('a name has 1 to 50 letters, digits, ".", "_" and "-".')
    const kept = connection.kept.read()
    const before = kept.profiles && Object.hasOwn(kept.profiles, name) ? kept.profiles[name] : undefined
    const said = typeof options.server === 'string' ? addressOf(options.server) : undefined
    const server = said ?? before?.server
    if (server === undefined) throw new UsageError('--server is missing: the address of the control plane.')
    const gateway = typeof options.gateway === 'string' ? addressOf(options.gateway) : ((said === undefined ? before?.gateway : undefined) ?? server)
    const given = options['api-key'] === '-' ? (await secretFrom(terminal, 'API key')).trim() : options['api-key']
    // A key is for the data plane that issued it: another address gets none.
    const key = typeof given === 'string' ? given : before?.gateway === gateway ? before.api_key : undefined
    connection.kept.write({ ...kept, profiles: { ...kept.profiles, [name]: { server, gateway, ...(key ? { api_key: key } : {}) } } })
    show({ name, server, gateway, has_api_key: key !== undefined }, `Profile ${name} is kept: ${server}${key ? ', with an API key' : ''}. \`tollgate profile use ${name}\` makes it the one in use.`)
  },
}
