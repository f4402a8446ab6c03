import type { Command } from '../command'
import { aliasPath, SCOPE_OPTIONS } from '../alias-scope'
import { table } from '../table'

export const aliasesList: Command = {
  name: 'aliases list',
  args: [],
  summary: 'names that stand for models, on the platform, in a tier or of a tenant',
  options: SCOPE_OPTIONS,
  async run({ options, api, show }) {
    const { path, query } = aliasPath(options)
    const { data } = await api.json<{ data: { name: string; target: string; scope: string }[] }>('GET', path + query)
    show(data, data.length > 0 ? table(['ALIAS', 'MODEL', 'SCOPE'], data.map(({ name, target, scope }) => [name, target, scope])) : 'There is no alias in this scope.')
  },
}
