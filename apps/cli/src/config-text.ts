import type { Call, CommandOption } from './command'
import { fileText, text } from './option-values'
import { CliError } from './terminal'

/** A change a file asks for, as the control plane tells it. */
export interface Change {
  readonly object: string
  readonly name: string
  readonly op: 'create' | 'change'
  readonly fields: readonly { readonly field: string; readonly from?: unknown; readonly to: unknown }[]
}

/** The file the configuration commands read. */
export const FILE_OPTIONS: Readonly<Record<string, CommandOption>> = {
  file: { type: 'string', short: 'f', summary: 'the file (tollgate.yaml), - for standard input' },
}

/**
 * The operator's file with what its variables stand for, from the environment of this command: the server's own is never
 * read. @throws CliError naming every fault by line and column, before anything is sent
 */
export async function configOf({ options, args, terminal }: Pick<Call, 'options' | 'args' | 'terminal'>): Promise<{ path: string; body: { yaml: string; variables: Record<string, string> } }> {
  const path = args[0] ?? text(options, 'file') ?? 'tollgate.yaml'
  const yaml = await fileText(terminal, path)
  // Loaded here: no other command needs a YAML parser.
  const { readConfig, variablesOf } = await import('@tollgate/operator-config')
  const variables = Object.fromEntries(variablesOf(yaml).flatMap((name) => (terminal.env[name] === undefined ? [] : [[name, terminal.env[name]]])))
  const read = readConfig(yaml, variables)
  if (read.kind === 'faulty') throw new CliError(`${path} is not valid.${read.faults.map(({ line, column, path: place, message }) => `\n  ${path}:${line}:${column} ${place ? `${place}: ` : ''}${message}`).join('')}`)
  return { path, body: { yaml, variables } }
}

/** Changes for people: `+` is made, `~` is changed, from what to what. */
export function changesText(changes: readonly Change[]): string {
  return changes.map(({ op, object, name, fields }) => [`${op === 'create' ? '+' : '~'} ${object} ${name}`, ...fields.map(({ field, from, to }) => `    ${field}: ${op === 'create' ? '' : `${valueText(from)} → `}${valueText(to)}`)].join('\n')).join('\n')
}

function valueText(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}
