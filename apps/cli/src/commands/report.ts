import type { Command } from '../command'
import { given, text } from '../option-values'
import { table } from '../table'

interface Figures {
  readonly total_requests: number
  readonly avg_duration: number | null
  readonly error_rate: number
  readonly total_tokens: number
  readonly cost: string
}

interface Report {
  readonly model_usage: Readonly<Record<string, Figures>>
  readonly total: Figures
  readonly groups?: readonly (Figures & Readonly<Record<string, unknown>>)[]
  readonly savings: Readonly<Record<string, { readonly saved: string; readonly currency: string }>>
  readonly currency: string
  readonly from: string
  readonly to: string
}

export const report: Command = {
  name: 'report',
  args: [],
  summary: "what the API key's tenant used and what it cost",
  options: {
    from: { type: 'string', summary: 'a day or an RFC 3339 time; the first of the month by default' },
    to: { type: 'string', summary: 'as --from, not included' },
    'group-by': { type: 'string', summary: 'model, project, api_key, region, provider, day, hour, with commas between' },
    format: { type: 'string', summary: 'csv prints the rows for a spreadsheet' },
  },
  async run({ options, gateway, terminal, show }) {
    const groups = text(options, 'group-by')
    const query = new URLSearchParams(given({ from: text(options, 'from'), to: text(options, 'to'), group_by: groups, format: text(options, 'format') }) as Record<string, string>)
    if (text(options, 'format') === 'csv') return void terminal.stdout.write(await gateway.text('GET', `/cost-report?${query}`))
    const found = await gateway.json<Report>('GET', `/cost-report?${query}`)
    show(found, textOf(found, groups?.split(',') ?? []))
  },
}

function textOf({ model_usage: byModel, groups, total, savings, currency, from, to }: Report, names: readonly string[]): string {
  const head = [...(groups ? names : ['model']).map((name) => name.toUpperCase()), 'REQUESTS', 'ERRORS', 'AVG s', 'TOKENS', `COST ${currency}`]
  const rows = groups ? groups.map((group) => [...names.map((name) => String(group[name] ?? '')), ...cells(group)]) : Object.entries(byModel).map(([model, figures]) => [model, ...cells(figures)])
  const sum = ['in all', ...Array.from({ length: head.length - 6 }, () => ''), ...cells(total)]
  const saved = Object.entries(savings).map(([name, { saved: amount, currency: unit }]) => `Saved against ${name}: ${amount} ${unit}`)
  return [`${from.slice(0, 10)} to ${to.slice(0, 16).replace('T', ' ')}`, table(head, [...rows, sum]), ...saved].join('\n')
}

function cells({ total_requests: requests, error_rate: rate, avg_duration: seconds, total_tokens: tokens, cost }: Figures): string[] {
  return [String(requests), `${Math.round(rate * 1000) / 10}%`, String(seconds ?? ''), String(tokens), cost]
}
