import { spawn, type ChildProcess } from 'node:child_process'
import type { Account } from './account'

/**
 * Runs "$@" and holds standard input, a pipe from us. When the pipe closes (we stopped it, exited or were killed) the
 * server gets the soft signal, and the hard one after the grace period. The whole group goes when the server is gone.
 * The group signal reaches only a shell that leads its own group, so a missing `detached` can never hit our parents.
 */
const LEASH = `
soft=$1 hard=$2 grace=$3; shift 3
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
(
  while read -r _; do :; done <&3
  kill -s "$soft" "$server"
  while [ "$grace" -gt 0 ]; do sleep 1; grace=$((grace - 1)); done
  kill -s "$hard" "$server"
) >/dev/null 2>&1 &
exec 3<&-
wait "$server"; code=$?
trap '' TERM
kill -s TERM -- "-$$" 2>/dev/null
exit "$code"
`

/** What the server may see of the environment: nothing of ours, and messages in English so that they can be read. */
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin:/run/current-system/sw/bin', LC_ALL: 'C', TZ: 'UTC' }
const LOG_TAIL_CHARS = 8_192

/** A server on a leash: it ends when this process ends, however that happens. */
export interface Leashed {
  /** Process group of the leash and the server; signal `-groupId` to reach both. */
  groupId: number
  /** Resolves when the server has ended, with its exit code (128 + signal when it was killed). */
  exited: Promise<number>
  isRunning(): boolean
  /** The last few kilobytes the server wrote, for error messages. */
  logTail(): string
  /** Asks for the soft stop by letting go of the pipe; resolves when the server has ended. */
  release(): Promise<void>
}

/** How to run a server on a leash. */
export interface LeashOptions {
  command: string
  args: string[]
  softSignal: 'INT' | 'TERM'
  hardSignal: 'QUIT' | 'KILL'
  graceSeconds: number
  account: Account | null
  log?: ((line: string) => void) | undefined
}

function collectLines(child: ChildProcess, log?: (line: string) => void): () => string {
  let tail = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8')
    stream?.on('data', (chunk: string) => {
      tail = (tail + chunk).slice(-LOG_TAIL_CHARS)
      if (log) for (const line of chunk.split('\n')) if (line.trim()) log(line)
    })
  }
  return () => tail
}

/** Starts `command` detached (a terminal's Ctrl-C does not reach it) on a leash held by this process. */
export function spawnLeashed(options: LeashOptions): Leashed {
  const words = [options.softSignal, options.hardSignal, String(options.graceSeconds), options.command, ...options.args]
  const child = spawn('/bin/sh', ['-c', LEASH, 'tollgate-leash', ...words], {
    detached: true,
    cwd: '/',
    env: ENVIRONMENT,
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.account && { uid: options.account.uid, gid: options.account.gid }),
  })
  const logTail = collectLines(child, options.log)
  let running = true
  // A dead leash makes the pipe fail; the exit below already tells that.
  child.stdin?.on('error', () => {})
  const exited = new Promise<number>((resolve) => {
    // `close`, not `exit`: the last log lines must have arrived before anybody reads them.
    child.once('close', (code) => resolve(code ?? 128))
    child.once('error', () => resolve(127))
  }).finally(() => (running = false))
  // An embedded server must not keep a program alive whose work is done.
  const handles = [child, child.stdin, child.stdout, child.stderr] as unknown as { ref?(): void; unref?(): void }[]
  for (const handle of handles) handle.unref?.()
  return {
    groupId: child.pid ?? 0,
    exited,
    isRunning: () => running,
    logTail,
    async release() {
      for (const handle of handles) handle.ref?.()
      child.stdin?.end()
      await exited
    },
  }
}

/** Runs a short command to its end under the same environment and account; `output` is both streams together. */
export function runOnce(
  command: string,
  args: string[],
  account: Account | null,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: '/',
      env: ENVIRONMENT,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(account && { uid: account.uid, gid: account.gid }),
    })
    const tail = collectLines(child)
    child.once('close', (code) => resolve({ code: code ?? 128, output: tail() }))
    child.once('error', (error) => resolve({ code: 127, output: error.message }))
  })
}
