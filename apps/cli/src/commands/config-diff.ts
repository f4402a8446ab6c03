import type { Command } from '../command'
import { changesText, configOf, FILE_OPTIONS, type Change } from '../config-text'

export const configDiff: Command = {
  name: 'config diff',
  args: ['[file]'],
  summary: "what the operator's file would change; secrets are hidden",
  options: FILE_OPTIONS,
  async run(call) {
    const { path, body } = await configOf(call)
    const { changes } = await call.api.json<{ changes: Change[] }>('POST', '/admin/config/diff', body)
    call.show({ changes }, changes.length === 0 ? 'Nothing to do: everything is as the file says.' : `${changesText(changes)}\n${changes.length} changes. \`tollgate config apply ${path}\` makes them.`)
  },
}
