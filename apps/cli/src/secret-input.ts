import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { CliError, type Terminal } from './terminal'

/** The first line of standard input; at a terminal it is asked for and not shown. @throws CliError when there is none */
export function secretFrom({ stdin, stderr }: Terminal, what: string): Promise<string> {
  if (stdin.isTTY) stderr.write(`${what}: `)
  const lines = createInterface({ input: stdin, output: new Writable({ write: (_chunk, _encoding, done) => done() }), terminal: stdin.isTTY === true })
  return new Promise((resolve, reject) => {
    lines.once('line', (line) => {
      resolve(line)
      lines.close()
    })
    lines.once('close', () => {
      if (stdin.isTTY) stderr.write('\n')
      reject(new CliError(`No ${what.toLowerCase()} was given.`))
    })
  })
}

/** Asks before something is taken away; without a terminal `--yes` has to say it. @throws CliError when the answer is no */
export async function confirm({ stdin, stderr }: Terminal, question: string, isSure: boolean): Promise<void> {
  if (isSure) return
  if (!stdin.isTTY) throw new CliError(`${question} Nothing was done: say --yes where nobody can be asked.`)
  const lines = createInterface({ input: stdin, output: new Writable({ write: (chunk, _encoding, done) => (stderr.write(String(chunk)), done()) }), terminal: true })
  const answer = await new Promise<string>((resolve) => {
    lines.once('close', () => resolve(''))
    lines.question(`${question} [y/N] `, resolve)
  })
  lines.close()
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('Nothing was done.')
}
