import { z } from 'zod'
import { maxTokensSchema, messagesSchema, modelNameSchema, slugSchema } from '../request-body'

const model = modelNameSchema.trim().min(1, 'must not be empty')

/** Body of `POST /chat/consensus`. Unknown fields are refused with their name. */
export const consensusSchema = z
  .strictObject({
    message: z.string().regex(/\S/, 'must not be empty').optional(),
    messages: messagesSchema.optional(),
    system: z.string().optional(),
    models: z.array(model).min(2, 'must name at least two models').max(20, 'must name at most 20 models'),
    judge: model.optional(),
    temperature: z.number().min(0).max(2).optional(),
    max_tokens: maxTokensSchema.optional(),
    project: slugSchema.optional(),
    department: slugSchema.optional(),
    customer_id: z.string().max(200).optional(),
    stream: z.literal(false, 'must be false: what was chosen is known only when all have answered').optional(),
  })
  .refine((body) => body.message !== undefined || body.messages !== undefined, 'send message (text) or messages (a chat)')
  .refine((body) => body.message === undefined || body.messages === undefined, 'send either message or messages, not both')
  .refine((body) => body.project === undefined || body.department === undefined || body.project === body.department, 'project and department name the same thing and must agree')
