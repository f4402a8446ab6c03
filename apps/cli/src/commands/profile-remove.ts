import type { Command } from '../command'
import { connectionOf } from '../connection'

export const profileRemove: Command = {
  name: 'profile remove',
  args: ['<name>'],
  summary: 'forget a profile, its key and its tokens',
  async run({ args, connection, terminal, show }) {
    const name = args[0]!
    connectionOf(terminal, { profile: name })
    const { profile, ...kept } = connection.kept.read()
    const { [name]: _, ...profiles } = kept.profiles ?? {}
    const tokens = Object.fromEntries(Object.entries(kept.tokens).filter(([place]) => !place.startsWith(`${name} `)))
    connection.kept.write({ ...kept, tokens, profiles, ...(profile === undefined || profile === name ? {} : { profile }) })
    show({ removed: name }, `Profile ${name} is forgotten.`)
  },
}
