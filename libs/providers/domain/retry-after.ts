const LONGEST_MS = 3_600_000

/** Response headers as the transport gives them: lower-case names. */
export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>

/**
 * How long a refusing upstream asks to wait: `retry-after-ms`, else `retry-after` in seconds or as an HTTP date. Between
 * 0 and an hour; null when absent, negative or unreadable.
 * @param nowMs wall clock, for dates
 */
export function retryAfterMs(headers: ResponseHeaders, nowMs: number): number | null {
  const milliseconds = number(single(headers['retry-after-ms']))
  if (milliseconds !== null) return clamp(milliseconds)
  const text = single(headers['retry-after'])
  const seconds = number(text)
  if (seconds !== null) return clamp(seconds * 1000)
  // Only dates with a month's name: `Date.parse` reads "-5" and "2x" as years.
  if (text === null || !/[a-z]{3}/i.test(text)) return null
  const date = Date.parse(text)
  return Number.isNaN(date) ? null : clamp(Math.max(0, date - nowMs))
}

function single(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value)?.trim() ?? null
}

function number(text: string | null): number | null {
  return text !== null && /^\d{1,12}(\.\d{1,6})?$/.test(text) ? Number(text) : null
}

function clamp(ms: number): number {
  return Math.min(Math.round(ms), LONGEST_MS)
}
