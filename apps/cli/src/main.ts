import { Api } from './api'
import type { CommandOption } from './command'
import { leadingWords, parseLine, unknownCommand, type Found } from './command-line'
import { COMMANDS } from './command-table'
import { connectionOf } from './connection'
import { Credentials } from './credentials'
import { Gateway } from './gateway'
import { helpOf, overview } from './help'
import { CliError, EXIT, UsageError, type Terminal } from './terminal'

const GLOBAL: Readonly<Record<string, CommandOption>> = {
  server: { type: 'string', summary: 'address of the control plane (TOLLGATE_URL)' },
  gateway: { type: 'string', summary: 'address of the data plane (TOLLGATE_GATEWAY_URL); otherwise the same' },
  profile: { type: 'string', summary: 'a kept server by name (TOLLGATE_PROFILE)' },
  token: { type: 'string', summary: 'access token (TOLLGATE_TOKEN); otherwise the last log-in' },
  'api-key': { type: 'string', summary: 'key of the data plane (TOLLGATE_API_KEY)' },
  json: { type: 'boolean', summary: 'print JSON for programs' },
  help: { type: 'boolean', short: 'h', summary: 'show this' },
}

const NAMES = Object.keys(COMMANDS)

/** Runs one command line. @returns exit code (EXIT) */
export async function main(terminal: Terminal): Promise<number> {
  try {
    return await run(terminal)
  } catch (error) {
    const isUsage = error instanceof UsageError
    if (!isUsage && !(error instanceof CliError)) throw error
    terminal.stderr.write(`tollgate: ${error.message}\n`)
    return isUsage ? EXIT.usage : error.exitCode
  }
}

async function run(terminal: Terminal): Promise<number> {
  const { argv, stdout } = terminal
  const words = leadingWords(argv, GLOBAL)
  const isHelp = argv.includes('--help') || argv.includes('-h')
  const found = await find(words, isHelp)
  if (!found) {
    const group = words.join(' ')
    if (group !== '' && !NAMES.some((name) => name.startsWith(`${group} `))) throw unknownCommand(words, NAMES)
    const all = await Promise.all(NAMES.filter((name) => group === '' || name.startsWith(`${group} `)).map((name) => COMMANDS[name]!()))
    stdout.write(overview(all, GLOBAL))
    return isHelp || group === '' ? EXIT.done : EXIT.usage
  }
  const { command } = found
  const { values, args } = parseLine(argv, found, GLOBAL)
  if (values.help) {
    stdout.write(helpOf(command, GLOBAL))
    return EXIT.done
  }
  const connection = connectionOf(terminal, values)
  const api = new Api(connection.server, new Credentials(connection))
  const gateway = new Gateway(connection.gateway, connection.apiKey)
  const show = (value: unknown, text: string) => void stdout.write(values.json ? `${JSON.stringify(value)}\n` : text.endsWith('\n') ? text : `${text}\n`)
  const outcome = await command.run({ args, options: values, api, gateway, connection, terminal, show })
  return typeof outcome === 'number' ? outcome : outcome === false ? EXIT.failed : EXIT.done
}

/** The command that the first words name; a group alone means its list. */
async function find(words: readonly string[], isHelp: boolean): Promise<Found | undefined> {
  const [first = '', second = ''] = words
  const name = [`${first} ${second}`, first].find((candidate) => Object.hasOwn(COMMANDS, candidate))
  if (name !== undefined) return { command: await COMMANDS[name]!(), words: name.split(' ').length }
  const command = words.length === 1 && !isHelp ? await COMMANDS[`${first} list`]?.() : undefined
  return command && { command, words: 1 }
}
