import { asObject } from './reply'

/** What an upstream's error body says, whatever its form. `text` is its own words: never shown unscrubbed. */
export interface UpstreamError {
  readonly text: string
  /** Its `code` or `type` when that is text, e.g. `insufficient_quota`. */
  readonly codes: readonly string[]
  /** Set when the prompt is longer than the model's context; numbers are null when it names none. */
  readonly context: { readonly limit: number | null; readonly used: number | null } | null
  /** A moderation refusal: the caller's content, not our credential. */
  readonly isModeration: boolean
}

const DEEPEST = 8

/**
 * Reads an error body: `{error: {…}}`, `{error: "text"}`, `{detail}` (FastAPI), `{object: "error", message}`, plain text,
 * and JSON within any of these texts (Ollama wraps llama-server's answer so; OpenRouter has `metadata.raw`).
 */
export function readUpstreamError(body: unknown): UpstreamError {
  const found: Found = { texts: [], codes: [], limit: null, used: null, isContext: false, isModeration: false }
  collect(body, found, 0)
  const text = found.texts.join(': ')
  const limit = found.limit ?? firstNumber(text, /(?:context (?:length|size|window)[^0-9]{0,30}|\(|<= )(\d{2,9})(?: tokens|\. given)|> (\d{2,9}) maximum/i)
  const used = found.used ?? firstNumber(text, /(?:resulted in|requested|request \(|given: |you passed|prompt (?:is|has)(?: too long:)?) *(\d{1,9})/i)
  const isContext = found.isContext || /context[ _](?:length|size|window)|maximum context|too many (?:input )?tokens|prompt is too long|input length exceeds/i.test(text)
  return { text, codes: found.codes, context: isContext ? { limit, used } : null, isModeration: found.isModeration }
}

interface Found {
  texts: string[]
  codes: string[]
  limit: number | null
  used: number | null
  isContext: boolean
  isModeration: boolean
}

function collect(value: unknown, found: Found, depth: number): void {
  if (depth > DEEPEST || value === null || value === undefined) return
  if (typeof value === 'string') return collectText(value, found, depth)
  if (Array.isArray(value)) return collectIssues(value, found)
  const fields = asObject(value)
  if (!fields) return
  for (const name of [fields.code, fields.type, asObject(fields.details)?.error_code]) if (typeof name === 'string') found.codes.push(name)
  if (found.codes.some((code) => /^(?:context_length_exceeded|exceed_context_size_error)$/.test(code))) found.isContext = true
  if (typeof fields.n_ctx === 'number') found.limit ??= fields.n_ctx
  if (typeof fields.n_prompt_tokens === 'number') found.used ??= fields.n_prompt_tokens
  const metadata = asObject(fields.metadata)
  if (metadata && (Array.isArray(metadata.reasons) || typeof metadata.flagged_input === 'string')) found.isModeration = true
  collect(fields.error ?? fields.detail, found, depth + 1)
  collect(fields.message, found, depth + 1)
  collect(metadata?.raw, found, depth + 1)
}

function collectText(text: string, found: Found, depth: number): void {
  const trimmed = text.trim()
  if (trimmed.startsWith('{') || trimmed.startsWith('[')) {
    try {
      return collect(JSON.parse(trimmed), found, depth + 1)
    } catch {
      // Not JSON after all: it is shown as text.
    }
  }
  if (trimmed && !found.texts.includes(trimmed)) found.texts.push(trimmed)
}

/** FastAPI's validation list: `[{loc: ["body", "messages"], msg: "field required"}]`. */
function collectIssues(issues: readonly unknown[], found: Found): void {
  const sentences = issues.slice(0, 3).map((item) => {
    const issue = asObject(item)
    const place = Array.isArray(issue?.loc) ? issue.loc.filter((part) => part !== 'body').join('.') : ''
    return [place, issue?.msg].filter((part) => typeof part === 'string' && part).join(': ')
  })
  const text = sentences.filter(Boolean).join('; ')
  if (text) found.texts.push(text)
}

function firstNumber(text: string, pattern: RegExp): number | null {
  const match = pattern.exec(text)
  return match ? Number(match[1] ?? match[2]) : null
}
