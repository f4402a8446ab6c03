import { isTokenCount, picoFromDecimal, type Pico } from '@tollgate/kernel'

/** One call as a provider's export has it. Null = the export does not say. */
export interface ExportRow {
  /** Line of the text, or place in the list, from 1. */
  readonly line: number
  /** The `x-request-id` we sent; null when there is none, so it was not our call. */
  readonly requestId: string | null
  readonly model: string | null
  readonly promptTokens: number
  readonly completionTokens: number
  readonly costPico: Pico | null
  readonly atMs: number | null
}

/** What is wrong with a row of an export. */
export interface ExportProblem {
  readonly line: number
  readonly message: string
}

/** An export read; `problems` is empty or says why none of it may be used. */
export interface ProviderExport {
  readonly rows: readonly ExportRow[]
  readonly problems: readonly ExportProblem[]
}

const MOST_ROWS = 200_000
const MOST_PROBLEMS = 20
const MOST_TEXT = 200
const COLUMNS = ['request_id', 'model', 'prompt_tokens', 'completion_tokens', 'cost', 'at'] as const
const REQUIRED = ['request_id', 'prompt_tokens', 'completion_tokens'] as const

type Fields = Readonly<Record<string, unknown>>

/**
 * Reads an export: its rows, or as text CSV with a header line, a JSON array, or JSON a line, each row with `request_id`, `prompt_tokens`,
 * `completion_tokens` and, where known, `model`, `cost` (decimal) and `at` (RFC 3339 or epoch ms). The log of a sandbox
 * host is known by its fields and needs no conversion.
 */
export function readExport(source: string | readonly unknown[]): ProviderExport {
  if (typeof source !== 'string') return collect(source.map((value, i) => ({ line: i + 1, value })))
  const body = source.replace(/^\ufeff/, '')
  const first = body.trimStart()[0]
  if (first === undefined) return { rows: [], problems: [{ line: 1, message: 'the export is empty' }] }
  if (first === '[') return readArray(body)
  return collect(first === '{' ? jsonLines(body) : csvRecords(body))
}

function readArray(body: string): ProviderExport {
  try {
    return readExport(JSON.parse(body) as unknown[])
  } catch {
    return { rows: [], problems: [{ line: 1, message: 'the export begins like a JSON array and is none' }] }
  }
}

type Found = { readonly line: number; readonly value: unknown } | ExportProblem

function collect(found: Iterable<Found>): ProviderExport {
  const rows: ExportRow[] = []
  const problems: ExportProblem[] = []
  for (const one of found) {
    const row = 'message' in one ? one : rowOf(one.value, one.line)
    if (row === null) continue
    if ('message' in row) problems.push(row)
    else rows.push(row)
    if (rows.length > MOST_ROWS) problems.push({ line: row.line, message: `the export has more than ${MOST_ROWS} rows: shorten the period` })
    if (problems.length >= MOST_PROBLEMS || rows.length > MOST_ROWS) break
  }
  return { rows, problems }
}

function* jsonLines(body: string): Generator<Found> {
  let line = 0
  for (const text of body.split('\n')) {
    line++
    if (text.trim() === '') continue
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      yield { line, message: 'is not JSON' }
      continue
    }
    yield { line, value }
  }
}

/** A row, a problem, or null for an entry of a sandbox log that is no finished call. */
function rowOf(value: unknown, line: number): ExportRow | ExportProblem | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { line, message: 'must be an object' }
  const fields = value as Fields
  if ('generated_tokens' in fields && 'arrived_at' in fields) return sandboxRow(fields, line)
  return plainRow(fields, line)
}

/** Only calls of models count: a probe has no request id and makes no token, and what still runs has no end. */
function sandboxRow(fields: Fields, line: number): ExportRow | ExportProblem | null {
  const { method, end, request_id, model, prompt_tokens, completion_tokens, generated_tokens, arrived_at } = fields
  if (method !== 'POST' || end === null) return null
  const isCounted = end !== 'refused' && end !== 'dropped'
  const made = Math.max(Number(completion_tokens), Number(generated_tokens))
  const row = plainRow({ request_id, model, prompt_tokens: isCounted ? prompt_tokens : 0, completion_tokens: isCounted ? made : 0, at: arrived_at }, line)
  const isNobodys = 'requestId' in row && row.requestId === null && row.promptTokens + row.completionTokens === 0
  return isNobodys ? null : row
}

function plainRow(fields: Fields, line: number): ExportRow | ExportProblem {
  const bad = (name: string, message: string): ExportProblem => ({ line, message: `${name} ${message}` })
  for (const name of REQUIRED) if (fields[name] === undefined) return bad(name, 'is missing')
  const counts = [fields.prompt_tokens, fields.completion_tokens].map(numberOf)
  for (const [i, name] of (['prompt_tokens', 'completion_tokens'] as const).entries()) if (!isTokenCount(counts[i])) return bad(name, 'must be a whole number of tokens')
  const costPico = costOf(fields.cost)
  if (costPico === undefined) return bad('cost', 'must be a decimal such as 0.0125, with at most 12 decimals')
  const atMs = timeOf(fields.at)
  if (atMs === undefined) return bad('at', 'must be an RFC 3339 time such as 2026-11-01T10:00:00Z')
  const [requestId, model] = [textOf(fields.request_id), textOf(fields.model)]
  if (requestId === undefined || model === undefined) return bad(requestId === undefined ? 'request_id' : 'model', `must be a text of at most ${MOST_TEXT} characters`)
  return { line, requestId: requestId && requestId.toLowerCase(), model, promptTokens: counts[0]!, completionTokens: counts[1]!, costPico, atMs }
}

function isAbsent(value: unknown): value is undefined | null | '' {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === '')
}

function numberOf(value: unknown): number {
  return typeof value === 'string' && /^\d{1,10}$/.test(value.trim()) ? Number(value) : typeof value === 'number' ? value : NaN
}

/** Pico; null = absent, undefined = no decimal. A JSON number is read to the pico. */
function costOf(value: unknown): Pico | null | undefined {
  if (isAbsent(value)) return null
  const text = typeof value === 'number' ? value.toFixed(12) : typeof value === 'string' ? value.trim() : ''
  return picoFromDecimal(text) ?? undefined
}

function timeOf(value: unknown): number | null | undefined {
  if (isAbsent(value)) return null
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined
  const isTime = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})$/i.test(value.trim())
  const ms = isTime ? Date.parse(value.trim()) : NaN
  return Number.isNaN(ms) ? undefined : ms
}

function textOf(value: unknown): string | null | undefined {
  if (isAbsent(value)) return null
  return typeof value === 'string' && value.length <= MOST_TEXT ? value.trim() : undefined
}

/** RFC 4180 with a header line; columns beside `COLUMNS` are left alone. A record has the number of its first line. */
function* csvRecords(body: string): Generator<Found> {
  let header: string[] | null = null
  for (const { line, cells, isOpen } of csvLines(body)) {
    if (isOpen) return void (yield { line, message: 'a quoted cell is never closed' })
    if (cells.length === 1 && cells[0]!.trim() === '') continue
    if (!header) {
      header = cells.map((cell) => cell.trim().toLowerCase())
      const missing = REQUIRED.filter((name) => !header!.includes(name))
      if (missing.length > 0) return void (yield { line, message: `the header lacks ${missing.join(', ')}; known columns are ${COLUMNS.join(', ')}` })
      continue
    }
    if (cells.length === header.length) yield { line, value: Object.fromEntries(header.map((name, i) => [name, cells[i]])) }
    else yield { line, message: `has ${cells.length} cells where the header has ${header.length}` }
  }
}

function* csvLines(body: string): Generator<{ line: number; cells: string[]; isOpen: boolean }> {
  let [line, startedAt, cell, cells, isQuoted] = [1, 1, '', [] as string[], false]
  for (let i = 0; i < body.length; i++) {
    const char = body[i]!
    if (char === '\n') line++
    if (isQuoted) {
      if (char !== '"') cell += char
      else if (body[i + 1] === '"') cell += body[++i]
      else isQuoted = false
    } else if (char === '"' && cell === '') isQuoted = true
    else if (char === ',') {
      cells.push(cell)
      cell = ''
    } else if (char === '\n') {
      yield { line: startedAt, cells: [...cells, cell], isOpen: false }
      ;[startedAt, cell, cells] = [line, '', []]
    } else if (char !== '\r' || body[i + 1] !== '\n') cell += char
  }
  if (cell !== '' || cells.length > 0 || isQuoted) yield { line: startedAt, cells: [...cells, cell], isOpen: isQuoted }
}
