/** Where text goes. `isTTY` says whether somebody looks at it: only then there are colours, bars and questions. */
export interface Output {
  readonly isTTY?: boolean
  /** Width in characters; undefined where nobody looks. */
  readonly columns?: number
  write(text: string): unknown
}

/** Where a command line runs: everything it reads and writes outside, so that specs can give their own. */
export interface Terminal {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly stdout: Output
  readonly stderr: Output
  /** Calls back at every Ctrl-C instead of ending the process, until what it returns is called. */
  onInterrupt?(listener: () => void): () => void
}

/** How a command line ends (README.md has the table). */
export const EXIT = { done: 0, failed: 1, usage: 2, unreachable: 3, refused: 4, notFound: 5, limited: 6, interrupted: 130 } as const

type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** A failure that somebody can mend: its message carries the way. */
export class CliError extends Error {
  constructor(
    message: string,
    readonly exitCode: ExitCode = EXIT.failed,
  ) {
    super(message)
  }
}

/** A command line that is no command of ours (exit code 2). */
export class UsageError extends Error {}

/** The exit code that an HTTP status stands for. */
export function exitCodeOf(status: number): ExitCode {
  if (status === 401 || status === 403) return EXIT.refused
  if (status === 404) return EXIT.notFound
  return status === 402 || status === 429 ? EXIT.limited : EXIT.failed
}
