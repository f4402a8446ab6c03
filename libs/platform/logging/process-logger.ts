import type { LoggerService } from '@nestjs/common'
import pino, { type Logger } from 'pino'

/** Names whose values never reach a log, at any depth of two: secrets, credentials, prompts and completions. */
const REDACTED = ['authorization', 'password', 'secret', 'key', 'api_key', 'token', 'messages', 'message_text', 'content', 'body', 'headers']

/** The process's structured log: JSON lines on stdout, flushed asynchronously. */
export interface ProcessLogger {
  info(fields: object, message: string): void
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
  const log = pino({ level, base: undefined, redact: { paths: REDACTED.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' }, serializers: { error: pino.stdSerializers.err } })
  const logger: ProcessLogger = {
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
    forNest: () => nestAdapter(log),
  }
  loggers.set(level, logger)
  return logger
}

function nestAdapter(log: Logger): LoggerService {
  const line = (write: (fields: object, text: string) => void) => (message: unknown, ...rest: unknown[]) =>
    // Nest's handler of start-up errors logs what runMain is about to print as one sentence.
    rest.at(-1) === 'ExceptionHandler' ? undefined : write({ context: rest.at(-1) }, message instanceof Error ? message.message : String(message))
  return { log: line((f, t) => log.debug(f, t)), error: line((f, t) => log.error(f, t)), warn: line((f, t) => log.warn(f, t)), debug: line((f, t) => log.debug(f, t)) }
}
