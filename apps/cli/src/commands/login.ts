import type { Command } from '../command'
import { secretFrom } from '../secret-input'

export const login: Command = {
  name: 'login',
  args: ['<email>'],
  summary: 'log in and keep the tokens; the password is asked for, or read from standard input',
  async run({ args, api, terminal, show }) {
    // It is no option: others can read those.
    await api.logIn(args[0]!, await secretFrom(terminal, 'Password'))
    show({ server: api.server, email: args[0] }, `Logged in at ${api.server} as ${args[0]}.`)
  },
}
