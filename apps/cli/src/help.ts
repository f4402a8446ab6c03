import type { Command, CommandOption } from './command'

/** What `tollgate --help` prints, or with the first word of a group `tollgate models --help`. */
export function overview(commands: readonly Command[], globals: Readonly<Record<string, CommandOption>>): string {
  const lines = columns(commands.map(({ name, args, summary }) => [[name, ...args].join(' '), summary]))
  return `Usage: tollgate <command> [options]\n\n${lines}\n${optionLines(globals)}`
}

/** What `--help` after a command prints. */
export function helpOf({ name, args, summary, options = {} }: Command, globals: Readonly<Record<string, CommandOption>>): string {
  return `Usage: tollgate ${[name, ...args].join(' ')} [options]\n\n${summary}\n\n${optionLines({ ...options, ...globals })}`
}

function optionLines(options: Readonly<Record<string, CommandOption>>): string {
  return columns(Object.entries(options).map(([name, { type, short, summary }]) => [`${short ? `-${short}, ` : ''}--${name}${type === 'string' ? ' <…>' : ''}`, summary]))
}

/** Wraps what would leave a line of 80 characters below its own column. */
function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length))
  const indent = ' '.repeat(width + 4)
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${wrapped(right, Math.max(20, 80 - width - 4)).join(`\n${indent}`)}\n`).join('')
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}
