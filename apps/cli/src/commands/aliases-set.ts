import { aliasPath, SCOPE_OPTIONS } from '../alias-scope'
import type { Command } from '../command'
import { given } from '../option-values'

export const aliasesSet: Command = {
  name: 'aliases set',
  args: ['<alias>', '<model>'],
  summary: 'let a name stand for a model, or for another one from now on',
  options: SCOPE_OPTIONS,
  async run({ args: [name, target], options, api, show }) {
    const { path, tier } = aliasPath(options)
    const alias = await api.json<{ name: string; target: string; scope: string }>('POST', path, given({ name, target, tier }))
    show(alias, `${alias.name} → ${alias.target} (${alias.scope})`)
  },
}
