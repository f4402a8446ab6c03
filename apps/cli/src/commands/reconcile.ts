import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from '../command'
import { CliError, UsageError } from '../terminal'

interface Side {
  readonly [field: string]: string | number | null
}

interface Reconciliation {
  readonly ok: boolean
  readonly here: { readonly expected: number }
  readonly there: { readonly rows: number; readonly equal: number; readonly outside_period: number; readonly cost_not_known_here: number }
  readonly missing_here: number
  readonly missing_there: number
  readonly different: number
  readonly differences: readonly { readonly kind: string; readonly request_id: string | null; readonly line: number | null; readonly fields: readonly string[]; readonly here: Side | null; readonly there: Side | null }[]
}

export const reconcile: Command = {
  name: 'reconcile',
  args: ['<file>'],
  summary: "compare what was recorded with a provider's or host's own export (CSV, JSON, or the log of a sandbox host)",
  options: {
    provider: { type: 'string', summary: 'whose export it is, such as openai or ollama' },
    host: { type: 'string', summary: 'one of its hosts, when the export is of that host alone' },
    from: { type: 'string', summary: 'begin of the period: a UTC day or an RFC 3339 time' },
    to: { type: 'string', summary: 'end of the period, not included' },
  },
  async run({ args, options, api, terminal, show }) {
    for (const name of ['provider', 'from', 'to']) if (options[name] === undefined) throw new UsageError(`--${name} is missing: whose export it is, and of which period.`)
    const { provider, host, from, to } = options
    const found = await api.json<Reconciliation>('POST', '/admin/proof/reconcile', { provider, host, from, to, export: read(resolve(terminal.cwd, args[0]!)) })
    show(found, textOf(found))
    return found.ok
  },
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new CliError(`${path} cannot be read: ${(error as Error).message}.`)
  }
}

function textOf(found: Reconciliation): string {
  const { here, there, differences } = found
  const lines = differences.map(({ kind, request_id, line, fields, here: ours, there: theirs }) => {
    const place = `${kind.padEnd(13)} ${line === null ? '' : `line ${line}`}`.padEnd(24)
    const figures = fields.length > 0 ? fields.map((field) => `${field}: ${ours?.[field]} here, ${theirs?.[field]} there`) : [countsOf(ours ?? theirs!)]
    return `${place} ${request_id ?? '(no request id)'}  ${figures.join('; ')}`
  })
  const listed = found.missing_here + found.missing_there + found.different
  const rest = listed > differences.length ? [`and ${listed - differences.length} more`] : []
  const outside = there.outside_period > 0 ? `, ${there.outside_period} of another period` : ''
  const cost = there.cost_not_known_here > 0 ? ` The cost of ${there.cost_not_known_here} is not known here.` : ''
  const verdict = `${there.equal} of ${there.rows} rows are equal${outside}; ${found.different} differ, ${found.missing_here} are missing here, ${found.missing_there} of ${here.expected} are missing there.${cost}`
  return [...lines, ...rest, verdict].join('\n')
}

function countsOf(side: Side): string {
  return `${side.prompt_tokens} + ${side.completion_tokens} tokens, ${side.at ?? 'no time'}`
}
