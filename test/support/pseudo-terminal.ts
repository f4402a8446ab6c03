import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { eventually } from './eventually'

/** Whether this machine has `script` of util-linux, which lends a real pseudo-terminal (Linux has it, macOS another one). */
export function hasPseudoTerminal(): boolean {
  return process.platform === 'linux' && /util-linux/.test(String(spawnSync('script', ['--version']).stdout ?? ''))
}

/** A program at a terminal of 80 columns: what is typed goes to it, what it shows is collected. */
export class PseudoTerminal {
  private shown = ''
  private seen = 0

  private constructor(private readonly child: ChildProcess) {
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.shown += text))
  }

  /** Starts a program; `env` is all of its environment beside PATH. */
  static start(command: readonly string[], { cwd, env }: { cwd: string; env: Readonly<Record<string, string>> }): PseudoTerminal {
    const line = `stty cols 80 rows 24; exec ${command.map((word) => `'${word}'`).join(' ')}`
    const child = spawn('script', ['--quiet', '--return', '--flush', '--command', line, '/dev/null'], { cwd, env: { PATH: process.env.PATH ?? '', TERM: 'xterm', SHELL: '/bin/sh', ...env }, stdio: ['pipe', 'pipe', 'inherit'] })
    return new PseudoTerminal(child)
  }

  /** Waits until `text` is shown after what was waited for before. */
  async until(text: string): Promise<void> {
    await eventually(
      async () => {
        const at = this.transcript().indexOf(text, this.seen)
        if (at < 0) throw new Error(`${JSON.stringify(text)} is not shown yet: ${JSON.stringify(this.transcript().slice(this.seen))}`)
        this.seen = at + text.length
      },
      { timeoutMs: 20_000 },
    )
  }

  /** Types; `\r` is Enter, `\x03` is Ctrl-C. */
  type(keys: string): void {
    this.child.stdin!.write(keys)
  }

  /** Everything shown so far, without escape sequences and carriage returns. */
  transcript(): string {
    // oxlint-disable-next-line no-control-regex -- escape sequences begin with one
    return this.shown.replace(/\x1b\[[\d;?]*[A-Za-z]/g, '').replace(/\r/g, '')
  }

  /** Waits for the end of the program. @returns its exit code */
  async ended(): Promise<number | null> {
    if (this.child.exitCode === null) await once(this.child, 'close')
    return this.child.exitCode
  }

  /** Ends it, if it has not ended by itself. */
  stop(): void {
    this.child.kill()
  }
}
