import { parseArgs, type ParseArgsConfig } from 'node:util'
import type { Command, CommandOption } from './command'
import { suggestion } from './nearest'
import { UsageError } from './terminal'

type Options = Readonly<Record<string, CommandOption>>

/** A command, and how many words of the line named it. */
export interface Found {
  readonly command: Command
  readonly words: number
}

/** A command line taken apart. */
export interface Parsed {
  readonly values: Readonly<Record<string, string | boolean | undefined>>
  readonly args: readonly string[]
}

/**
 * The words in front that name a command, options between them left out.
 * @param globals options that may stand before the command; a value of theirs is no word
 */
export function leadingWords(argv: readonly string[], globals: Options): string[] {
  const words: string[] = []
  for (let i = 0; i < argv.length && words.length < 2; i++) {
    const word = argv[i]!
    if (word === '--') break
    if (!word.startsWith('-')) words.push(word)
    else {
      const known = globals[word.replace(/^-+|=.*$/g, '')]
      // What follows an option of a command may be its value.
      if (!known && words.length > 0) break
      if (known?.type === 'string' && !word.includes('=')) i++
    }
  }
  return words
}

/** Takes a command line apart by what its command knows. @throws UsageError naming what is unknown, missing or too much */
export function parseLine(argv: readonly string[], { command, words }: Found, globals: Options): Parsed {
  const options = { ...globals, ...command.options }
  const config = Object.fromEntries(Object.entries(options).map(([name, { type, short }]) => [name, short ? { type, short } : { type }])) as ParseArgsConfig['options']
  const { values, tokens } = parseArgs({ args: [...argv], options: config, strict: false, allowPositionals: true, tokens: true })
  for (const token of tokens) if (token.kind === 'option') checkOption(token.name, token.rawName, token.value, options, command)
  const positionals = tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []))
  const args = positionals.slice(words)
  if (!values.help) checkArgs(command, args)
  return { values: values as Parsed['values'], args }
}

function checkOption(name: string, rawName: string, value: string | undefined, options: Options, command: Command): void {
  const known = Object.hasOwn(options, name) ? options[name] : undefined
  if (!known) throw new UsageError(`there is no option ${rawName}.${suggestion(`--${name}`, Object.keys(options).map((option) => `--${option}`))} \`tollgate ${command.name} --help\` lists them.`)
  if (known.type === 'boolean' && value !== undefined) throw new UsageError(`${rawName} takes no value.`)
  if (known.type === 'string' && (value === undefined || /^-[^\d]/.test(value))) throw new UsageError(`${rawName} needs a value: ${known.summary}.`)
}

function checkArgs({ name, args: wanted }: Command, args: readonly string[]): void {
  const usage = `Usage: tollgate ${[name, ...wanted].join(' ')}`
  const needed = wanted.filter((arg) => arg.startsWith('<')).length
  if (args.length < needed) throw new UsageError(`${wanted[args.length]} is missing. ${usage}`)
  const takesRest = wanted.at(-1)?.includes('...') === true
  if (args.length > wanted.length && !takesRest) throw new UsageError(`"${args[wanted.length]}" is too much. ${usage}`)
}

/** Why there is no such command, with the one that was probably meant. @param names of all commands */
export function unknownCommand(words: readonly string[], names: readonly string[]): UsageError {
  const [first, second] = words as [string, string?]
  const isGroup = names.some((name) => name.startsWith(`${first} `))
  const firstWords = new Set(names.map((name) => name.split(' ')[0]!))
  const pair = `${first} ${second ?? ''}`.trim()
  const wanted = isGroup && second !== undefined ? suggestion(second, names.flatMap((name) => (name.startsWith(`${first} `) ? [name.slice(first.length + 1)] : []))).replace('"', `"${first} `) : suggestion(pair, names) || suggestion(first, firstWords)
  return new UsageError(`there is no command "${isGroup ? pair : first}".${wanted} \`tollgate ${isGroup ? `${first} ` : ''}--help\` lists them.`)
}
