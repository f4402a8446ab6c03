import { faredText, modelsOf } from '../chat/known-models'
import type { Command } from '../command'
import { sizeText, table } from '../table'

/** A catalogue entry as far as it is shown. */
export interface Entry {
  readonly name: string
  readonly status: string
  readonly size: number | null
  readonly context_length: number | null
  readonly hosts: readonly string[]
}

/** The catalogue of the control plane. */
export interface Catalogue {
  readonly default_model: string | null
  readonly items: readonly Entry[]
}

export const modelsList: Command = {
  name: 'models list',
  args: [],
  summary: 'the catalogue; without a log-in, or with --mine, what the API key may use',
  options: { mine: { type: 'boolean', summary: 'what the API key may use, with prices' } },
  async run({ api, gateway, options, show }) {
    if (options.mine === true || (!api.isSignedIn && gateway.hasKey)) {
      const { models, default_model: preset } = await modelsOf(gateway)
      const rows = models.map(({ name, price, regions, stats }) => [`${name === preset ? '*' : ' '} ${name}`, price?.free ? 'free' : price ? `${price.input_per_million}/${price.output_per_million} ${price.currency}` : 'no price', regions.join(' '), faredText(stats).trim()])
      return show(models, rows.length > 0 ? table(['  NAME', 'PRICE IN/OUT', 'REGIONS', ''], rows) : 'No model is available to this key.')
    }
    const { items, default_model: preset } = await api.json<Catalogue>('GET', '/admin/models')
    const rows = items.map(({ name, status, size, context_length: context, hosts }) => [`${name === preset ? '*' : ' '} ${name}`, status, sizeText(size), String(context ?? ''), hosts.length > 2 ? `${hosts.length} hosts` : hosts.join(' ')])
    return show(items, rows.length > 0 ? table(['  NAME', 'STATUS', 'SIZE', 'CONTEXT', 'HOSTS'], rows) : 'No model is known. `tollgate models pull <model>` brings one onto the hosts.')
  },
}
