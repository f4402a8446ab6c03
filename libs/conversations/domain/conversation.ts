import type { Caller, ChatMessage } from '@tollgate/kernel'

/** What a conversation is, without its turns. Times are instants of the process's clock. */
export interface Conversation {
  readonly id: string
  readonly projectId: string | null
  /** Null: the caller's defaults choose at every turn. */
  readonly model: string | null
  /** Null: every region the caller may use. */
  readonly allowedRegions: readonly string[] | null
  readonly title: string | null
  /** The caller's own system text, put before every turn that brings none. */
  readonly system: string | null
  readonly turns: number
  readonly bytes: number
  readonly usesVision: boolean
  readonly usesTools: boolean
  readonly ttlSeconds: number
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly expiresAt: Date
}

/** One turn: what was asked, without system texts, and what was answered. */
export interface Turn {
  readonly seq: number
  readonly rid: string
  readonly model: string
  readonly messages: readonly ChatMessage[]
  readonly answer: string
  readonly createdAt: Date
}

/** Whose conversations a caller may touch: a key bound to a project sees those of its project only. */
export interface Owner {
  readonly tenantId: string
  readonly projectId: string | null
}

/** Whose conversations a caller's key may touch. */
export function ownerOf({ tenant, key }: Caller): Owner {
  return { tenantId: tenant.id, projectId: key.projectId }
}

/** What a conversation may hold. */
export const MOST_TURNS = 1_000
/** As `MOST_TURNS`, in sealed bytes of all turns. */
export const MOST_BYTES = 16 * 1024 * 1024

/** What the head of a conversation is bound to when it is sealed. */
export function headContext(tenantId: string, id: string): string {
  return `conversation|${tenantId}|${id}|head`
}

/** What a turn is bound to: a row copied to another place does not open. */
export function turnContext(tenantId: string, id: string, seq: number): string {
  return `conversation|${tenantId}|${id}|${seq}`
}

/** What a tenant's data key is bound to. */
export function keyContext(tenantId: string): string {
  return `conversations|${tenantId}|data key`
}

/** Do messages hold images, or calls and answers of tools? A model that takes over must be able to read them. */
export function abilitiesUsed(messages: readonly ChatMessage[]): { vision: boolean; tools: boolean } {
  return {
    vision: messages.some(({ content }) => Array.isArray(content) && content.some((part: { type: string }) => part.type === 'image_url')),
    tools: messages.some((message) => message.role === 'tool' || (message.tool_calls?.length ?? 0) > 0),
  }
}
