import type { Api } from './api'
import type { Connection } from './connection'
import type { Gateway } from './gateway'
import type { Terminal } from './terminal'

/** An option of a command, with the line that `--help` shows. */
export interface CommandOption {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  readonly summary: string
}

/** What a command is given. */
export interface Call {
  /** As many as `Command.args` names; an optional one that is not given is missing at the end. */
  readonly args: readonly string[]
  readonly options: Readonly<Record<string, string | boolean | undefined>>
  /** The control plane, logged in at the first request. */
  readonly api: Api
  /** The data plane. */
  readonly gateway: Gateway
  readonly connection: Connection
  readonly terminal: Terminal
  /** Prints `value` as one line of JSON with `--json`, otherwise the text. */
  show(value: unknown, text: string): void
}

/** One command, in a file of its own under commands/; command-table.ts lists them. */
export interface Command {
  /** One or two words: `login`, `invoice replay`. */
  readonly name: string
  /** `<id>` must be given, `[file]` may be, and `[text...]` takes what is left. */
  readonly args: readonly string[]
  readonly summary: string
  readonly options?: Readonly<Record<string, CommandOption>>
  /** @returns false = it ran and its answer is no (exit code 1), or another code of EXIT @throws CliError, UsageError */
  run(call: Call): Promise<boolean | number | void>
}
