import { setTimeout as delay } from 'node:timers/promises'
import { ConfigError } from '@tollgate/platform/config'
import type { Readiness } from '@tollgate/platform/http'
import { MigrationError } from '@tollgate/platform/postgres'
import { RedisSetupError } from '@tollgate/platform/redis'

/** A fault that the person who starts the process can mend; its message is the whole output. */
export class StartError extends Error {}

/**
 * Runs a process's start-up. A fault that somebody can mend prints its sentence and exits with 1; others keep their stack.
 */
export function runMain(start: () => Promise<void>): void {
  start().catch((error: unknown) => {
    const isPlain = error instanceof ConfigError || error instanceof MigrationError || error instanceof RedisSetupError || error instanceof StartError
    console.error(isPlain || isConnectionError(error) ? describeStart(error as Error) : error)
    process.exit(1)
  })
}

/**
 * Stops on SIGINT and SIGTERM: not ready first, then drains within the limit, then closes. A second signal ends at once.
 * @param options.noticeMs how long a SIGTERM leaves the door open while `/readyz` says no, so that a proxy can notice
 */
export function stopOnSignals(app: { close(): Promise<void> }, options: { readiness: Readiness; drainMs: number; noticeMs?: number }): void {
  let isStopping = false
  const stop = (signal: NodeJS.Signals) => {
    if (isStopping) process.exit(signal === 'SIGINT' ? 130 : 143)
    isStopping = true
    options.readiness.startDraining()
    const noticeMs = signal === 'SIGTERM' ? (options.noticeMs ?? 0) : 0
    const deadline = setTimeout(() => process.exit(1), noticeMs + options.drainMs + 5_000)
    deadline.unref()
    void delay(noticeMs)
      .then(() => app.close())
      .then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(error)
          process.exit(1)
        },
      )
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}

function isConnectionError(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && (/^E[A-Z]+$/.test(code) || code === '28P01' || code === '3D000' || code === '28000')
}

function describeStart(error: Error): string {
  const { code, port } = error as NodeJS.ErrnoException & { port?: number }
  if (code === 'EADDRINUSE') return `Port ${port} is taken. Set PORT to a free one, or stop what listens there.`
  if (code === 'EACCES') return `Port ${port} needs privileges. Set PORT to one above 1023.`
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'ETIMEDOUT') return `DATABASE_URL does not answer (${code}). Start Postgres, or correct the address.`
  if (code === '28P01' || code === '28000') return 'DATABASE_URL: Postgres refuses the log-in. Check user and password; `npm run migrate` sets the passwords of tg_app, tg_admin and tg_worker from TOLLGATE_DB_PASSWORD.'
  if (code === '3D000') return 'DATABASE_URL names a database that does not exist. Create it, then run `npm run migrate`.'
  return error.message
}
