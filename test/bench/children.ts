import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { pinned, type Side } from './cores'

/** A process of the bench. */
export interface Child {
  readonly label: string
  readonly pid: number
  /** Sends a message over the process's channel and resolves with its next one. */
  ask(message: object): Promise<unknown>
  /** Rejects, with what the process printed, as soon as it ends unasked. */
  readonly ended: Promise<never>
  stop(): Promise<void>
}

/** How a process is started. `flags` are Node's own. */
export interface ChildOptions {
  readonly label: string
  readonly side: Side
  readonly script: string
  readonly args?: readonly string[]
  readonly flags?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Opens a channel for messages: our own processes have one and end when it closes, so none outlives the bench. */
  readonly hasChannel?: boolean
}

const STOP_MS = 10_000
const running = new Set<ChildProcess>()

// Ctrl-C, a crash, a normal end: nothing of ours stays behind.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a process on its side's core. Its standard output is thrown away, as a log shipper's cost is not ours. */
export function startChild(options: ChildOptions): Child {
  const { label, hasChannel = false } = options
  const { command, args } = pinned(options.side, process.execPath, [...(options.flags ?? []), options.script, ...(options.args ?? [])])
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { PATH, HOME, ...options.env },
    stdio: ['ignore', 'ignore', 'pipe', ...(hasChannel ? ['ipc' as const] : [])],
    // Ctrl-C reaches only the bench itself, which then stops the others in their order.
    detached: true,
  })
  running.add(child)
  let printed = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (printed = (printed + text).slice(-4_000)))
  let isStopping = false
  const closed = once(child, 'close').then(() => void running.delete(child))
  const ended = closed.then(() => {
    if (isStopping) return new Promise<never>(() => undefined)
    throw new Error(`${label} ended by itself.\n${printed}`)
  })
  ended.catch(() => undefined)
  const stop = async () => {
    isStopping = true
    if (!running.has(child)) return
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await closed
    clearTimeout(timer)
  }
  const ask = (message: object) => {
    const answer = once(child, 'message').then(([reply]) => reply as unknown)
    child.send(message)
    return Promise.race([answer, ended])
  }
  return { label, pid: child.pid ?? 0, ask, ended, stop }
}

/** Starts a process of ours that says it is ready with a first message. */
export async function startReady<T>(options: Omit<ChildOptions, 'hasChannel'>): Promise<{ child: Child; ready: T }> {
  const child = startChild({ ...options, hasChannel: true })
  const ready = (await child.ask({ kind: 'start' })) as T
  return { child, ready }
}

/** A TCP port on 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** The child's half of a channel: answers every message with what `answer` makes of it, and ends with the parent. */
export function answerParent(answer: (message: never) => unknown, onEnd: () => void | Promise<void> = () => undefined): void {
  const end = () => void Promise.resolve(onEnd()).finally(() => process.exit(0))
  process.on('message', (message) => {
    Promise.resolve(answer(message as never)).then(
      (reply) => process.send?.(reply),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
  process.on('disconnect', end)
  process.on('SIGTERM', end)
}
