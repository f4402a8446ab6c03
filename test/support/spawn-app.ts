import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { eventually } from './eventually'
import { projectRoot } from './installation'

/** A process of ours, started the way a user starts it. */
export interface SpawnedApp {
  pid: number
  /** Everything it printed so far, both streams in order of arrival. */
  output(): string
  /** Sends `signal` (default SIGTERM) and resolves with the exit code, null when the signal itself ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
  /** Resolves with the exit code when it ends by itself; null when a signal ended it. */
  exited: Promise<number | null>
}

/** When the app counts as started: a line it prints, or an address that answers 2xx. */
export type Readiness = { line: RegExp } | { url: string }

const root = projectRoot()
const running = new Set<ChildProcess>()

/**
 * Starts `node scripts/run.mjs <entry>` (entry as in package.json, without extension) with only `env`, PATH and HOME in
 * its environment, and resolves when it is ready. Throws with its output when it ends or `timeoutMs` (20 000) passes.
 * Whatever still runs at the end of the spec file is killed. Run after a build (`npm test` does), not by parallel builds;
 * with `installation`, a folder made by installBuild, no build is looked at and the entry runs from there.
 */
export async function spawnApp(
  entry: string,
  env: Record<string, string>,
  ready: Readiness,
  options: { timeoutMs?: number; args?: string[]; cwd?: string; installation?: string } = {},
): Promise<SpawnedApp> {
  const { PATH = '', HOME = '' } = process.env
  const { installation } = options
  const script = installation === undefined ? [join(root, 'scripts/run.mjs'), entry] : [join(installation, 'dist', `${entry}.js`)]
  const child = spawn(process.execPath, [...script, ...(options.args ?? [])], {
    cwd: options.cwd ?? installation ?? root,
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const exited = once(child, 'close').then(([code]) => {
    running.delete(child)
    return code as number | null
  })
  let hasEnded = false
  const isReady = async () => {
    // Nobody waits for this any more; polling on would keep Jest from exiting.
    if (hasEnded) return
    if ('line' in ready ? ready.line.test(output) : (await fetch(ready.url)).ok) return
    throw new Error(`${entry} is not ready`)
  }
  const ended = exited.then((code) => {
    hasEnded = true
    return Promise.reject(new Error(`${entry} ended with ${code} before it was ready:\n${output}`))
  })
  try {
    await Promise.race([eventually(isReady, { timeoutMs: options.timeoutMs ?? 20_000 }), ended])
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`${(error as Error).message}\n${output}`, { cause: error })
  }
  ended.catch(() => {})
  const stop = (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal)
    return exited
  }
  return { pid: child.pid ?? 0, output: () => output, stop, exited }
}

/** Kills every app this spec file started and left running. */
export async function killSpawnedApps(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      const closed = once(child, 'close')
      child.kill('SIGKILL')
      await closed
    }),
  )
}
