import type { ChatMessage, ChatRequest } from '@tollgate/kernel'
import type { Offer, OfferedTool } from '@tollgate/mcp'
import type { Selection } from './access.service'

/** A client's call that is given tools of the operator, before its first round. */
export interface Equipped {
  readonly request: ChatRequest
  readonly selection: Selection
  readonly offer: Offer
  readonly byAlias: ReadonlyMap<string, OfferedTool>
}

/** Names of the tools that a request brings. */
export function ownToolNames({ parameters }: ChatRequest): Set<string> {
  const tools = Array.isArray(parameters.tools) ? (parameters.tools as { function?: { name?: unknown } }[]) : []
  return new Set(tools.map((tool) => String(tool?.function?.name ?? '')))
}

/** Why a request is given no tools although its model has some; null = it is. An empty reason is the client's own wish. */
export function whyNoTools({ parameters, choices = 1 }: ChatRequest, { model }: Selection): string | null {
  const { tool_choice: choice } = parameters
  if (choice === 'none') return ''
  if (choice === 'required' || (typeof choice === 'object' && choice !== null)) return 'tools of the model were not offered: tool_choice asks for one of yours'
  if (choices > 1) return 'tools of the model were not offered: they are for one answer, and several were asked for'
  if (model.capabilities.isKnown && !model.capabilities.tools) return `tools of the model were not offered: its hosts say that ${model.name} takes none`
  return null
}

/** The request of one round: with our tools beside the client's, or, the last time, without them. Definitions and history count as prompt. */
export function roundRequest({ request, offer }: Equipped, added: readonly ChatMessage[], isLast: boolean): ChatRequest {
  const own = Array.isArray(request.parameters.tools) ? (request.parameters.tools as unknown[]) : []
  const ours = offer.tools.map(({ definition }) => definition)
  // Providers want the tools of earlier calls described, so without tools of the client ours stay and may not be called.
  const tools = isLast && own.length > 0 ? own : [...own, ...ours]
  const bodyBytes = request.bodyBytes + Buffer.byteLength(JSON.stringify(ours)) + (added.length === 0 ? 0 : Buffer.byteLength(JSON.stringify(added)))
  return { ...request, messages: [...request.messages, ...added], parameters: { ...request.parameters, tools, ...(isLast && own.length === 0 ? { tool_choice: 'none' } : {}) }, bodyBytes }
}

/** Arguments of a call; null when they are not a JSON object. */
export function argumentsOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text.trim() === '' ? '{}' : text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}
