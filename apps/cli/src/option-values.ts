import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Call, CommandOption } from './command'
import { CliError, UsageError, type Terminal } from './terminal'

/** Where a rollout goes: options of pull, create and delete. */
export const WHERE_OPTIONS: Readonly<Record<string, CommandOption>> = {
  hosts: { type: 'string', summary: 'these hosts only, with commas between' },
  regions: { type: 'string', summary: 'hosts of these regions only, with commas between' },
  detach: { type: 'boolean', summary: 'do not wait for the end' },
}

/** An option as text; undefined when it was not given. */
export function text(options: Call['options'], name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}

/** An option that has to be there. @throws UsageError */
export function needed(options: Call['options'], name: string, what: string): string {
  const value = text(options, name)
  if (value === undefined) throw new UsageError(`--${name} is missing: ${what}.`)
  return value
}

/** An option as a whole number from 1. @throws UsageError */
export function whole(options: Call['options'], name: string): number | undefined {
  const value = text(options, name)
  if (value === undefined) return undefined
  if (!/^[1-9]\d{0,14}$/.test(value)) throw new UsageError(`--${name} must be a whole number from 1, not "${value}".`)
  return Number(value)
}

/** An option as a list. */
export function list(options: Call['options'], name: string): string[] | undefined {
  return text(options, name)?.split(',').map((part) => part.trim()).filter(Boolean)
}

/** Fields that have a value: what is not given is not sent. */
export function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** A file, or standard input for `-`. @throws CliError */
export async function fileText(terminal: Terminal, path: string): Promise<string> {
  try {
    if (path !== '-') return readFileSync(resolve(terminal.cwd, path), 'utf8')
    let all = ''
    terminal.stdin.setEncoding('utf8')
    for await (const chunk of terminal.stdin) all += chunk
    return all
  } catch (error) {
    throw new CliError(`${path} cannot be read: ${(error as Error).message}.`)
  }
}
