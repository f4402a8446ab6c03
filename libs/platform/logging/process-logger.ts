import type { LoggerService } from '@nestjs/common'
import pino, { type Logger } from 'pino'
import { errorFacts } from './error-facts'

/** Names whose values never reach a log (a second line of defence: only named fields are logged at all): secrets, credentials, prompts and completions. */
const REDACTED = ['authorization', 'password', 'secret', 'key', 'api_key', 'token', 'messages', 'message_text', 'content', 'body', 'headers']

/** Lines gather up to this size or time before they are written: a write per call would cost more than the call's rules. */
const BUFFER_BYTES = 64 * 1024
const FLUSH_MS = 500

/** The process's structured log: JSON lines on stdout, written asynchronously and flushed at exit. */
export interface ProcessLogger {
  info(fields: object, message: string): void
  /** The one line of a call. Its fields are plain facts by type, so they skip the redaction, which copies them. */
  call(facts: Readonly<Record<string, string | number>>): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** For Nest's own lines. */
  forNest(): LoggerService
}

const loggers = new Map<string, ProcessLogger>()

/** One logger per level and process. Errors are reduced to name, message and stack. */
export function processLogger(level: string): ProcessLogger {
  const known = loggers.get(level)
  if (known) return known
  const destination = pino.destination({ dest: 1, sync: false, minLength: BUFFER_BYTES, maxWrite: 2 * BUFFER_BYTES, periodicFlush: FLUSH_MS })
  const options = { level, base: undefined, serializers: { error: errorFacts } }
  const log = pino({ ...options, redact: { paths: REDACTED, censor: '[redacted]' } }, destination)
  const plain = pino(options, destination)
  process.on('exit', () => flushAtExit(destination))
  const logger: ProcessLogger = {
    info: (fields, message) => log.info(fields, message),
    call: (facts) => plain.info(facts, 'call'),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
    forNest: () => nestAdapter(log),
  }
  loggers.set(level, logger)
  return logger
}

/** A process that is told to exit still says what it had to say. */
function flushAtExit(destination: { flushSync(): void }): void {
  try {
    destination.flushSync()
  } catch {
    // The destination was never opened: there is nothing to say.
  }
}

function nestAdapter(log: Logger): LoggerService {
  const line = (write: (fields: object, text: string) => void) => (message: unknown, ...rest: unknown[]) =>
    // Nest's handler of start-up errors logs what runMain is about to print as one sentence.
    rest.at(-1) === 'ExceptionHandler' ? undefined : write({ context: rest.at(-1) }, message instanceof Error ? message.message : String(message))
  return { log: line((f, t) => log.debug(f, t)), error: line((f, t) => log.error(f, t)), warn: line((f, t) => log.warn(f, t)), debug: line((f, t) => log.debug(f, t)) }
}
