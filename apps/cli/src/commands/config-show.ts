import type { Command } from '../command'

export const configShow: Command = {
  name: 'config show',
  args: [],
  summary: 'what is in force as a file; applied again it changes nothing. No secret is in it',
  async run({ api, show }) {
    const found = await api.json<{ yaml: string }>('GET', '/admin/config')
    show(found, found.yaml)
  },
}
