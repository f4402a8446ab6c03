import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** A child process that holds embedded servers; `postgresUrl` and `redisUrl` are absent when not asked for. */
export interface Holder {
  postgresUrl?: string
  redisUrl?: string
  pid: number
  /** Sends the signal (default SIGKILL) and resolves when the process is gone; its servers may still be ending. */
  kill(signal?: NodeJS.Signals): Promise<void>
}

/** Starts servers in a process of their own; `-` leaves one out. Throws with what the process printed when it fails. */
export async function holdEmbedded(dataDir: string | '-', redisDir: string | '-', redisKind: 'server' | 'js' = 'server'): Promise<Holder> {
  const hook = join(__dirname, 'register-typescript.cjs')
  const child = spawn(process.execPath, ['-r', hook, join(__dirname, 'embedded-holder.ts'), dataDir, redisDir, redisKind], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let problems = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (problems += text))
  const closed = once(child, 'close')
  const line = once(child.stdout.setEncoding('utf8'), 'data').then(([text]) => String(text))
  const printed = await Promise.race([line, closed.then(() => Promise.reject(new Error(problems)))])
  line.catch(() => {})
  return {
    ...(JSON.parse(printed) as { postgresUrl?: string; redisUrl?: string }),
    pid: child.pid ?? 0,
    async kill(signal = 'SIGKILL') {
      child.kill(signal)
      await closed
    },
  }
}
