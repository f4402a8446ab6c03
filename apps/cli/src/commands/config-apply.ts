import type { Command } from '../command'
import { changesText, configOf, FILE_OPTIONS, type Change } from '../config-text'

export const configApply: Command = {
  name: 'config apply',
  args: ['[file]'],
  summary: "make what is there what the operator's file says; what it does not name stays",
  options: FILE_OPTIONS,
  async run(call) {
    const { body } = await configOf(call)
    const applied = await call.api.json<{ changes: Change[]; warnings: string[] }>('PUT', '/admin/config', body)
    const warnings = applied.warnings.map((warning) => `\n${warning}`).join('')
    call.show(applied, `${applied.changes.length === 0 ? 'Nothing to do: everything is as the file says.' : `${changesText(applied.changes)}\n${applied.changes.length} changes are made.`}${warnings}`)
  },
}
