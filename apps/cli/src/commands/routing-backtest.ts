import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Call, Command } from '../command'
import { CliError, UsageError } from '../terminal'

interface Backtest {
  readonly rule_set: string
  readonly words_not_recorded: readonly string[]
  readonly calls: { readonly tried: number; readonly replaced: number; readonly unpriced: number }
  readonly totals: readonly { readonly currency: string; readonly billed: string; readonly simulated: string; readonly difference: string }[]
  readonly models: readonly { readonly model: string; readonly currency: string; readonly calls_before: number; readonly billed: string; readonly calls: number; readonly simulated: string }[]
  readonly rules: readonly { readonly rule: string; readonly calls: number }[]
}

export const routingBacktest: Command = {
  name: 'routing backtest',
  args: ['[file]'],
  summary: 'run a rule set over the measured prompts of a period: model mix and cost before it is switched on; the file holds the set as PUT /admin/rule-sets takes it',
  options: {
    name: { type: 'string', summary: 'a stored rule set, in place of a file' },
    from: { type: 'string', summary: 'begin of the period: a UTC day or an RFC 3339 time' },
    to: { type: 'string', summary: 'end of the period, not included' },
    tenant: { type: 'string', summary: 'one tenant only, by slug' },
  },
  async run(call) {
    const { options, api, show, args } = call
    for (const name of ['from', 'to']) if (options[name] === undefined) throw new UsageError(`--${name} is missing: which period.`)
    if ((args[0] === undefined) === (options.name === undefined)) throw new UsageError('Which rule set: give a file, or --name of a stored one.')
    const { from, to, tenant, name } = options
    const found = await api.json<Backtest>('POST', '/admin/rule-sets/backtest', { ...ruleSetOf(call), name, from, to, tenant })
    show(found, textOf(found))
  },
}

function ruleSetOf({ args: [file], terminal }: Pick<Call, 'args' | 'terminal'>): object {
  if (file === undefined) return {}
  try {
    return { rule_set: JSON.parse(readFileSync(resolve(terminal.cwd, file), 'utf8')) as unknown }
  } catch (error) {
    throw new CliError(`${file} cannot be read as JSON: ${(error as Error).message}.`)
  }
}

function textOf({ models, totals, rules, calls, words_not_recorded: words }: Backtest): string {
  if (calls.tried === 0) return 'No measured calls in this period.'
  const mix = tableOf([['model', 'before', 'after', 'billed', 'simulated', ''], ...models.map((one) => [one.model, String(one.calls_before), String(one.calls), one.billed, one.simulated, one.currency]), ...totals.map((sum) => ['in all', String(calls.tried), String(calls.tried), sum.billed, sum.simulated, sum.currency])])
  const matched = tableOf([['rule', 'calls'], ...rules.map(({ rule, calls: count }) => [rule, String(count)])])
  const notes = [
    ...(calls.replaced > 0 ? [`${calls.replaced} calls would not get the model of their rule: it is outside their tier, or leads nowhere.`] : []),
    ...(calls.unpriced > 0 ? [`${calls.unpriced} calls would go to a model without a price.`] : []),
    ...(words.length > 0 ? [`Not looked for in the whole period, so rules by these match too seldom here: ${words.join(', ')}.`] : []),
    'Costs are at today’s prices, with the tokens the calls had.',
  ]
  return [...mix, '', ...matched, '', ...notes].join('\n')
}

function tableOf(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows.map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ').trimEnd())
}
