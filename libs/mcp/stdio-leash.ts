import { spawn, type ChildProcess } from 'node:child_process'
import type { Writable } from 'node:stream'
import type { StdioServer } from './domain/mcp-server'

/**
 * Runs "$@" with our standard input and output, and holds a pipe from us as descriptor 3. When that pipe closes (we let
 * go, exited or were killed with -9) the whole group gets TERM, and KILL after the grace period. When the server ends by
 * itself, what it started ends too. Its input is handed on by number: a shell gives commands in the background none.
 */
const LEASH = `
grace=$1; shift
exec 5<&0 4<&3 3<&- </dev/null
"$@" <&5 4<&- 5<&- &
server=$!
exec 5<&-
(
  trap '' TERM
  while read -r _; do :; done
  kill -s TERM -- "-$$"
  sleep "$grace"
  kill -s KILL -- "-$$"
) <&4 >/dev/null 2>&1 &
watch=$!
exec 4<&- >/dev/null
trap '' TERM
wait "$server"; code=$?
kill -s KILL "$watch" 2>/dev/null
kill -s TERM -- "-$$" 2>/dev/null
(trap '' TERM; sleep "$grace"; kill -s KILL -- "-$$") </dev/null >/dev/null 2>&1 &
exit "$code"
`

const GRACE_SECONDS = 2
/** All a server sees beside what its entry says: nothing of the gateway's. */
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin:/run/current-system/sw/bin', LC_ALL: 'C.UTF-8' }

/** A process that ends when this one does, however that happens. */
export interface LeashedServer {
  readonly child: ChildProcess
  /** Closes its input; the leash is let go of after a moment. */
  letGo(): void
}

/** How long a server has to end by itself once its input is closed. */
const OWN_END_MS = 300

/** Starts a server in a process group of its own. Never throws: a command that is not there ends with 127. */
export function spawnServer({ command, args, env, cwd }: StdioServer): LeashedServer {
  const child = spawn('/bin/sh', ['-c', LEASH, 'tollgate-mcp', String(GRACE_SECONDS), command, ...args], {
    detached: true,
    cwd,
    env: { ...ENVIRONMENT, ...env },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  })
  const leash = child.stdio[3] as Writable
  for (const pipe of [child.stdin, leash]) pipe?.on('error', () => undefined)
  return {
    child,
    letGo() {
      child.stdin?.end()
      setTimeout(() => leash.end(), OWN_END_MS).unref()
    },
  }
}
