/** A result as a model is given it. `bytes` is what the server gave, in text; `isCut` = the model gets less. */
export interface ToolText {
  readonly text: string
  readonly isError: boolean
  readonly isCut: boolean
  readonly bytes: number
}

type Block = Readonly<Record<string, unknown>>

const FAILED = 'The tool failed: '

/**
 * A result of `tools/call` as text: text blocks as they are, structured content where there is no text, links by name, and
 * for what a model cannot read here (images, sounds) a word that it was there. At most `mostBytes`, cut between characters,
 * with a note that says so. @param result of any form: it came over a wire
 */
export function toolText(result: unknown, mostBytes: number): ToolText {
  const { content, structuredContent, isError } = (result ?? {}) as { content?: unknown; structuredContent?: unknown; isError?: unknown }
  const parts = (Array.isArray(content) ? content : []).map((block) => blockText(block as Block)).filter((part) => part !== '')
  const joined = parts.length === 0 && structuredContent !== undefined ? JSON.stringify(structuredContent) : parts.join('\n')
  const whole = (isError === true ? FAILED : '') + (joined === '' ? 'The tool gave no text.' : joined)
  const { text, isCut } = cutText(whole, mostBytes)
  return { text, isError: isError === true, isCut, bytes: Buffer.byteLength(whole) }
}

/** A text of ours in place of a result. */
export function failureText(reason: string): ToolText {
  const text = FAILED + reason
  return { text, isError: true, isCut: false, bytes: Buffer.byteLength(text) }
}

function blockText(block: Block): string {
  const { type, text, name, uri, mimeType, resource } = block
  if (type === 'text') return typeof text === 'string' ? text : ''
  if (type === 'resource_link') return `${String(name ?? 'resource')} (${String(uri ?? '')})`
  if (type === 'resource') {
    const inner = (resource ?? {}) as Block
    return typeof inner.text === 'string' ? inner.text : `[${String(inner.uri ?? 'resource')}: not text]`
  }
  return type === 'image' || type === 'audio' ? `[${type} ${String(mimeType ?? '')}, not shown]` : ''
}

function cutText(text: string, mostBytes: number): { text: string; isCut: boolean } {
  const bytes = Buffer.from(text)
  if (bytes.length <= mostBytes) return { text, isCut: false }
  const note = `\n[cut: the result was ${bytes.length} bytes, the first ${mostBytes} are shown]`
  // A character that the cut went through is left out.
  return { text: new TextDecoder('utf-8').decode(bytes.subarray(0, mostBytes)).replace(/\uFFFD$/, '') + note, isCut: true }
}
