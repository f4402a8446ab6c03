import type { Command } from '../command'

export const logout: Command = {
  name: 'logout',
  args: [],
  summary: 'end the log-in at this server and forget its tokens',
  async run({ api, show }) {
    const wasIn = await api.logOut()
    show({ server: api.server, logged_out: wasIn }, wasIn ? `Logged out at ${api.server}.` : `Nobody was logged in at ${api.server}.`)
  },
}
