import { isTokenCount, type Usage } from '@tollgate/kernel'
import type { ReportedCounts } from './adapter'

/** An upstream's token counts after judgement. `usage` is null when a total is absent or anything is implausible. */
export interface ReportedUsage {
  readonly usage: Usage | null
  readonly reported: ReportedCounts
  readonly raw: unknown
  readonly flags: readonly string[]
}

/** A count as an upstream wrote it: absent (undefined or null), a usable number, or a lie. */
export type Count = { readonly kind: 'absent' } | { readonly kind: 'count'; readonly value: number } | { readonly kind: 'implausible' }

/** Judges one count. Zero is a count; absent is not zero; negative, fractional, textual and huge ones are refused (F4, F7). */
export function readCount(value: unknown): Count {
  if (value === undefined || value === null) return { kind: 'absent' }
  return isTokenCount(value) ? { kind: 'count', value } : { kind: 'implausible' }
}

/** The number of a count, or null. */
export function valueOf(count: Count): number | null {
  return count.kind === 'count' ? count.value : null
}

const MAX_RAW_BYTES = 2048

/** The proof kept of a usage object: its JSON, or only its numbers when that is longer than 2 KiB. */
export function rawUsageText(raw: unknown): string | null {
  if (raw === undefined || raw === null) return null
  const text = JSON.stringify(raw)
  if (text.length <= MAX_RAW_BYTES) return text
  const numbers = Object.entries(raw).filter(([key, value]) => typeof value === 'number' && key.length <= 40)
  return JSON.stringify(Object.fromEntries(numbers.slice(0, 20)))
}
