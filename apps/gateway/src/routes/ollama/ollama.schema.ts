import { z } from 'zod'
import { MOST_MESSAGES, modelNameSchema } from '../request-body'

const images = z.array(z.string().min(1)).max(100).nullish()
const toolCall = z.looseObject({ id: z.string().max(200).optional(), function: z.looseObject({ name: z.string().max(200), arguments: z.union([z.record(z.string(), z.unknown()), z.string()]).nullish() }) })

/** One message in Ollama's shape: text, images as plain base64, tool arguments as objects. */
const messageSchema = z.looseObject({
  role: z.string().transform((role) => role.toLowerCase()).pipe(z.enum(['system', 'user', 'assistant', 'tool'], 'must be system, user, assistant or tool')),
  content: z.string('must be a string').nullish(),
  images,
  tool_calls: z.array(toolCall).max(500).nullish(),
  tool_name: z.string().max(200).nullish(),
  tool_call_id: z.string().max(200).nullish(),
})

const optionsSchema = z.looseObject({
  temperature: z.number().optional(),
  top_p: z.number().optional(),
  top_k: z.number().optional(),
  min_p: z.number().optional(),
  seed: z.number().optional(),
  presence_penalty: z.number().optional(),
  frequency_penalty: z.number().optional(),
  repeat_penalty: z.number().optional(),
  stop: z.union([z.string(), z.array(z.string())]).optional(),
  num_predict: z.number().int().max(10_000_000).optional(),
})

const shared = {
  model: modelNameSchema.min(1, 'is required'),
  stream: z.boolean().nullish(),
  format: z.union([z.literal(''), z.literal('json'), z.record(z.string(), z.unknown())], 'must be "json" or a JSON Schema object').nullish(),
  think: z.union([z.boolean(), z.enum(['low', 'medium', 'high', 'max'])], 'must be true, false, low, medium, high or max').nullish(),
  options: optionsSchema.nullish(),
  keep_alive: z.union([z.string(), z.number()]).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().min(0).max(20).nullish(),
}

/** Body of `POST /api/chat`. Unknown fields are ignored, as Ollama does. */
export const ollamaChatSchema = z.looseObject({ ...shared, messages: z.array(messageSchema).max(MOST_MESSAGES, `must hold at most ${MOST_MESSAGES} messages`).nullish(), tools: z.array(z.looseObject({})).max(500).nullish() })

/** Body of `POST /api/generate`. What rewrites the model's template is refused: templates belong to the operator. */
export const ollamaGenerateSchema = z
  .looseObject({ ...shared, prompt: z.string().nullish(), system: z.string().nullish(), images })
  .superRefine((body, context) => {
    for (const field of ['suffix', 'template', 'raw', 'context'])
      if (body[field] !== undefined && body[field] !== null && body[field] !== '' && body[field] !== false) context.addIssue({ code: 'custom', path: [field], message: 'is not served here: templates belong to the operator; use /api/chat' })
  })

const embedded = z.string().min(1, 'must not be empty')

/** Body of `POST /api/embed`. */
export const ollamaEmbedSchema = z.looseObject({ model: shared.model, input: z.union([embedded, z.array(embedded).min(1, 'must hold at least one text').max(2_048, 'must hold at most 2048 texts')], 'must be text or a list of texts'), dimensions: z.number().int().min(1).max(100_000).nullish() })

/** Body of the older `POST /api/embeddings`. */
export const ollamaEmbeddingsSchema = z.looseObject({ model: shared.model, prompt: embedded })

/** Body of `POST /api/show`; `name` is its old spelling. */
export const ollamaShowSchema = z.looseObject({ model: modelNameSchema.optional(), name: modelNameSchema.optional() }).refine((body) => body.model ?? body.name, 'model is required')

export type OllamaChatBody = z.infer<typeof ollamaChatSchema>
export type OllamaGenerateBody = z.infer<typeof ollamaGenerateSchema>
export type OllamaMessage = z.infer<typeof messageSchema>
