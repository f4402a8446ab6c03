import type { Command } from '../command'
import { connectionOf } from '../connection'

export const profileUse: Command = {
  name: 'profile use',
  args: ['[name]'],
  summary: 'go to this profile from now on; without a name, to none',
  async run({ args: [name], connection, terminal, show }) {
    if (name !== undefined) connectionOf(terminal, { profile: name })
    const { profile: _, ...kept } = connection.kept.read()
    connection.kept.write(name === undefined ? kept : { ...kept, profile: name })
    show({ profile: name ?? null }, name === undefined ? 'No profile is in use.' : `Profile ${name} is in use.`)
  },
}
