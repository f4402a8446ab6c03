import type { Command } from '../command'
import { configOf, FILE_OPTIONS, type Change } from '../config-text'

export const configValidate: Command = {
  name: 'config validate',
  args: ['[file]'],
  summary: "judge the operator's file by line and column, without changing anything",
  options: { ...FILE_OPTIONS, offline: { type: 'boolean', summary: 'its form and variables alone, without a server' } },
  async run(call) {
    const { options, api, show } = call
    const { path, body } = await configOf(call)
    if (options.offline === true) return show({ valid: true }, `${path} is well formed, and every variable is set. The server judges the rest.`)
    const { changes } = await api.json<{ changes: Change[] }>('POST', '/admin/config/diff', body)
    show({ valid: true, changes: changes.length }, `${path} is valid. ${changes.length === 0 ? 'Everything is as it says.' : `${changes.length} changes: \`tollgate config diff ${path}\` shows them.`}`)
  },
}
