import type { Conversation, Turn } from '@tollgate/conversations'
import type { Caller } from '@tollgate/kernel'

/** A conversation as the wire has it. */
export function conversationWire(caller: Caller, conversation: Conversation) {
  return {
    id: conversation.id,
    object: 'conversation',
    title: conversation.title,
    model: conversation.model,
    system: conversation.system,
    project: caller.projects.find(({ id }) => id === conversation.projectId)?.slug ?? null,
    allowed_regions: conversation.allowedRegions,
    turns: conversation.turns,
    ttl_seconds: conversation.ttlSeconds,
    created_at: conversation.createdAt,
    updated_at: conversation.updatedAt,
    expires_at: conversation.expiresAt,
  }
}

/** A turn as the wire has it: the messages as they were sent, then the answer. */
export function turnWire(turn: Turn) {
  return { seq: turn.seq, request_id: turn.rid, model: turn.model, created_at: turn.createdAt, messages: [...turn.messages, { role: 'assistant', content: turn.answer }] }
}
