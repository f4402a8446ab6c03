import { z } from 'zod'
import { chatSmartSchema, smartBody, type ChatBody } from '../chat/chat.schema'

/** Body of `POST /v1/explain`: one of `/chat` or `/chat/smart`. With `rule_set`, or `model: "auto"`, rules choose the model. */
export const explainSchema = chatSmartSchema.refine((body) => body.conversation_id === undefined, { path: ['conversation_id'], message: 'a dry run reads no stored conversation: send its messages' })

/** The body of `/chat` that it stands for. */
export function explainBody(body: z.infer<typeof explainSchema>): ChatBody {
  if (body.rule_set !== undefined) return smartBody(body)
  const { rule_set: _none, ...plain } = body
  return plain
}
