import type { CatalogModel } from '@tollgate/catalog'
import { renderPrompt, type PromptWords } from '@tollgate/catalog/prompts'
import type { Caller, CallerProject, ChatMessage, ChatRequest } from '@tollgate/kernel'

type Entry = Pick<CatalogModel, 'parameters' | 'prompt'> & Partial<Pick<CatalogModel, 'namedPrompt'>>

/**
 * The request with what its model's entry says where the caller said nothing: parameters, the most tokens of an answer, and
 * the system prompt, which counts as part of the prompt. A named prompt goes before the text of the entry; merged `before`
 * it goes also before a caller's own system text, and both reach the model. Embeddings take none of it. Pure.
 */
export function withModelDefaults(request: ChatRequest, entry: Entry, words: PromptWords): ChatRequest {
  if (request.embedding) return request
  const { max_tokens: maxTokens, ...others } = entry.parameters
  const temperature = entry.namedPrompt?.temperature
  return {
    ...request,
    maxTokens: request.maxTokens ?? (maxTokens as number | undefined) ?? null,
    parameters: { ...others, ...(temperature == null ? {} : { temperature }), ...request.parameters },
    ...prompted(request, entry, words),
  }
}

/** What the places of a template stand for in a call. */
export function promptWords({ tenant }: Caller, { model, project }: { readonly model: Pick<CatalogModel, 'name'>; readonly project: CallerProject | null }, nowMs: number): PromptWords {
  return { model: model.name, tenant: tenant.slug, project: project?.slug ?? '', date: new Date(nowMs).toISOString().slice(0, 10) }
}

/** The text that a model's operator puts before a chat, with its places filled; null = none. */
export function systemText({ prompt, namedPrompt }: Pick<Entry, 'prompt' | 'namedPrompt'>, words: PromptWords): string | null {
  return namedPrompt ? renderPrompt(namedPrompt.text, words) : prompt
}

function prompted(request: ChatRequest, entry: Entry, words: PromptWords): Pick<ChatRequest, 'messages' | 'bodyBytes'> | Record<string, never> {
  const text = systemText(entry, words)
  const own = request.messages.findIndex(({ role }) => role === 'system' || role === 'developer')
  if (text === null || (own >= 0 && entry.namedPrompt?.merge !== 'before')) return {}
  const bodyBytes = request.bodyBytes + Buffer.byteLength(text) + SEPARATOR.length
  const first = request.messages[own]
  // Many templates have one place for a system text: two would lose one of them.
  if (own === 0 && typeof first!.content === 'string') return { messages: [{ ...first!, content: `${text}${SEPARATOR}${first!.content}` }, ...request.messages.slice(1)], bodyBytes }
  const message: ChatMessage = { role: 'system', content: text }
  return { messages: [message, ...request.messages], bodyBytes }
}

const SEPARATOR = '\n\n'
