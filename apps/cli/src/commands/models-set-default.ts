import type { Command } from '../command'
import { text } from '../option-values'

interface Tier {
  readonly slug: string
  readonly version: number
  readonly created_at: string
  readonly older_versions?: unknown
  readonly default_model: string | null
}

export const modelsSetDefault: Command = {
  name: 'models set-default',
  args: ['<model>'],
  summary: 'what calls that name no model get, on the platform or in one tier',
  options: { tier: { type: 'string', summary: "this tier's default; a tier without one takes the platform's" } },
  async run({ args, options, api, show }) {
    const model = args[0]!
    const slug = text(options, 'tier')
    if (slug !== undefined) {
      // A tier is replaced whole: what the server adds to it goes out again.
      const { slug: _, version, created_at, older_versions, ...tier } = await api.json<Tier>('GET', `/admin/tiers/${encodeURIComponent(slug)}`)
      const changed = await api.json<Tier>('PUT', `/admin/tiers/${encodeURIComponent(slug)}`, { ...tier, default_model: model })
      return show(changed, `The default of tier ${slug} is ${model}.`)
    }
    const alias = await api.json('POST', '/admin/aliases', { name: 'default', target: model })
    const own = (await api.list<Tier>('/admin/tiers')).filter((tier) => tier.default_model !== null && tier.default_model !== model)
    const note = own.length > 0 ? `\nThese tiers have a default of their own and keep it: ${own.map((tier) => `${tier.slug} (${tier.default_model})`).join(', ')}. \`--tier <tier>\` changes one.` : ''
    return show(alias, `The platform's default is ${model}.${note}`)
  },
}
