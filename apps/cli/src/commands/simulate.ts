import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Call, Command } from '../command'
import { CliError, UsageError } from '../terminal'

interface Sums {
  readonly currency: string
  readonly requests: number
  readonly billed: string
  readonly simulated: string
  readonly difference: string
}

interface Simulation {
  readonly totals: readonly Sums[]
  readonly models: readonly (Sums & { readonly model: string })[]
  readonly calls: { readonly priced: number; readonly uncharged: number; readonly kept: number; readonly unpriced: number }
}

export const simulate: Command = {
  name: 'simulate',
  args: ['[file]'],
  summary: 'price a past period under another price book; the file holds {prices, replace, changes} as JSON, or a list of price rows',
  options: {
    from: { type: 'string', summary: 'begin of the period: a UTC day or an RFC 3339 time' },
    to: { type: 'string', summary: 'end of the period, not included' },
    tenant: { type: 'string', summary: 'one tenant only, by slug' },
    percent: { type: 'string', summary: 'change prices by so many per cent, such as --percent=-10' },
    model: { type: 'string', summary: 'with --percent: only those of this model' },
  },
  async run(call) {
    const { options, api, show } = call
    for (const name of ['from', 'to']) if (options[name] === undefined) throw new UsageError(`--${name} is missing: which period.`)
    if (options.model !== undefined && options.percent === undefined) throw new UsageError('--model says what --percent changes: give both.')
    const { from, to, tenant, percent, model } = options
    const change = percent === undefined ? {} : { changes: [{ model, percent }] }
    const found = await api.json<Simulation>('POST', '/admin/proof/simulate', { ...bookOf(call), ...change, from, to, tenant })
    show(found, textOf(found))
  },
}

function bookOf({ args: [file], terminal }: Pick<Call, 'args' | 'terminal'>): object {
  if (file === undefined) return {}
  try {
    const book = JSON.parse(readFileSync(resolve(terminal.cwd, file), 'utf8')) as object
    return Array.isArray(book) ? { prices: book } : book
  } catch (error) {
    throw new CliError(`${file} cannot be read as JSON: ${(error as Error).message}.`)
  }
}

function textOf({ totals, models, calls }: Simulation): string {
  if (totals.length === 0) return 'No calls in this period.'
  const rows = [['model', 'calls', 'billed', 'simulated', 'difference', ''], ...models.map(({ model, ...sums }) => cellsOf(model, sums)), ...totals.map((sums) => cellsOf('in all', sums))]
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  const lines = rows.map((row) => row.map((cell, i) => (i === 0 || i === 5 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ').trimEnd())
  const notes = [
    ...(calls.uncharged > 0 ? [`${calls.uncharged} calls were not charged and would not be.`] : []),
    ...(calls.unpriced > 0 ? [`${calls.unpriced} calls have no price in this book and would not have been served.`] : []),
    ...(calls.kept > 0 ? [`${calls.kept} calls keep their amount: free models, or not priced by a price row.`] : []),
  ]
  return [...lines, ...notes].join('\n')
}

function cellsOf(name: string, { requests, billed, simulated, difference, currency }: Sums): string[] {
  return [name, String(requests), billed, simulated, difference, currency]
}
