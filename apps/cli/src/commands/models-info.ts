import { find, modelsOf } from '../chat/known-models'
import type { Command } from '../command'
import { suggestion } from '../nearest'
import { CliError, EXIT } from '../terminal'
import type { Catalogue } from './models-list'

export const modelsInfo: Command = {
  name: 'models info',
  args: ['<model>'],
  summary: 'everything known of a model; without a log-in, what the API key sees of it',
  async run({ args, api, gateway, show }) {
    const name = args[0]!
    const models = api.isSignedIn || !gateway.hasKey ? (await api.json<Catalogue>('GET', '/admin/models')).items.map((item) => ({ ...item, aliases: [] })) : (await modelsOf(gateway)).models
    const model = find(models as never, name)
    if (!model) throw new CliError(`Model ${name} not found.${suggestion(name, models.map((known) => known.name))} Pull it: tollgate models pull ${name}`, EXIT.notFound)
    show(model, linesOf(model))
  },
}

/** Fields one a line; what is empty is left out, and inner objects are indented. */
function linesOf(value: object, indent = ''): string {
  const fields = Object.entries(value).filter(([, field]) => field !== null && field !== '' && !(Array.isArray(field) && field.length === 0))
  return fields
    .map(([name, field]) => {
      if (Array.isArray(field)) return `${indent}${name}: ${field.join(', ')}`
      if (typeof field !== 'object') return `${indent}${name}: ${String(field).replaceAll('\n', `\n${indent}  `)}`
      const inner = linesOf(field as object, `${indent}  `)
      return inner === '' ? '' : `${indent}${name}:\n${inner}`
    })
    .filter(Boolean)
    .join('\n')
}
