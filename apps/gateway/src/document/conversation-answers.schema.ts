import { cursorReply, instantReply, pageReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import type { conversationWire, turnWire } from '../routes/conversations/conversations.wire'
import type { Fits } from './fields.schema'

/** `POST /v1/conversations` and `GET /v1/conversations/{id}`. */
export const conversation = z
  .strictObject({
    id: z.uuid(),
    object: z.literal('conversation'),
    title: z.string().nullable(),
    model: z.string().nullable().meta({ description: "null: the caller's defaults choose at every turn" }),
    system: z.string().nullable().meta({ description: 'Put before every turn that brings no system text of its own' }),
    project: z.string().nullable(),
    allowed_regions: z.array(z.string()).readonly().nullable().meta({ description: 'null: every region the caller may use' }),
    turns: z.int(),
    ttl_seconds: z.int().meta({ description: 'Kept so long after its last turn' }),
    created_at: instantReply,
    updated_at: instantReply,
    expires_at: instantReply,
  })
  .meta({ id: 'Conversation' })

/** Fields of a message beyond these are its caller's own. */
const message = z
  .looseObject({
    role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
    content: z.union([z.string(), z.array(z.looseObject({ type: z.string() })).readonly(), z.null()]).optional(),
  })
  .meta({ id: 'ConversationMessage' })

const turn = z
  .strictObject({ seq: z.int(), request_id: z.uuid(), model: z.string(), created_at: instantReply, messages: z.array(message).meta({ description: 'As they were sent, then the answer' }) })
  .meta({ id: 'ConversationTurn' })

/** `GET /v1/conversations`. */
export const conversationPage = pageReply(conversation).extend({ next: cursorReply(z.uuid()) })

/** `GET /v1/conversations/{id}/turns`. */
export const turnPage = pageReply(turn).extend({ next: cursorReply(z.int()) })

/** `GET /v1/conversations/{id}/export`: here `turns` are the turns themselves. */
export const conversationExport = conversation.extend({ turns: z.array(turn) }).meta({ id: 'ConversationExport' })

/** `PATCH /v1/conversations/{id}`. */
export const modelSwitched = z.strictObject({ ok: z.literal(true), model: z.string(), warning: z.string().optional() }).meta({ id: 'ModelSwitched' })

/** `DELETE /v1/conversations/{id}`. */
export const conversationDeleted = z.strictObject({ id: z.string(), deleted: z.literal(true) })

/** `DELETE /v1/conversations`. */
export const conversationsErased = z.strictObject({ deleted: z.int().meta({ description: 'How many there were' }) })

type Told<Wire extends { object: string }> = Omit<Wire, 'object'> & { readonly object: 'conversation' }

/** What holds the schemas to the code that writes the bodies. */
export type ConversationAnswersFit = [Fits<typeof conversation, Told<ReturnType<typeof conversationWire>>>, Fits<typeof turn, Omit<ReturnType<typeof turnWire>, 'messages'> & { messages: z.input<typeof message>[] }>]
