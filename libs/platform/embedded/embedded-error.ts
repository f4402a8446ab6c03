/** Why an embedded server could not start; stable, so a caller can choose its advice by it. */
export type EmbeddedErrorCode =
  | 'unsupported_platform'
  | 'other_major'
  | 'not_a_data_dir'
  | 'secret_missing'
  | 'not_writable'
  | 'disk_full'
  | 'in_use'
  | 'port_taken'
  | 'start_failed'

/** A fault while starting or stopping an embedded server; the message is one a person can act on. */
export class EmbeddedError extends Error {
  override readonly name = 'EmbeddedError'
  constructor(
    readonly code: EmbeddedErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

const FULL = /ENOSPC|EDQUOT|No space left on device|Disk quota exceeded/
const FORBIDDEN = /EACCES|EPERM|EROFS|Permission denied|Operation not permitted|Read-only file system|wrong ownership/

/**
 * Turns a system error or the last lines of a server's log into an EmbeddedError that names the folder.
 * Unknown causes become `start_failed` with the text itself.
 */
export function explainFailure(cause: unknown, dir: string, doing: string): EmbeddedError {
  if (cause instanceof EmbeddedError) return cause
  const text = cause instanceof Error ? cause.message : String(cause)
  if (FULL.test(text)) {
    return new EmbeddedError(
      'disk_full',
      `The disk that holds ${dir} is full, so ${doing} failed. Free some space and start again.`,
      { cause },
    )
  }
  if (FORBIDDEN.test(text)) {
    const way = 'Give this user the folder, or choose another one with TOLLGATE_DATA_DIR'
    return new EmbeddedError(
      'not_writable',
      `${dir} is not writable for this user, so ${doing} failed. ${way}. (${text.trim()})`,
      { cause },
    )
  }
  return new EmbeddedError('start_failed', `${doing} failed for ${dir}: ${text.trim() || 'no output'}`, { cause })
}
