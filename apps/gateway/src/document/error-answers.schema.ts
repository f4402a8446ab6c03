import { z } from 'zod'

const names = z.array(z.string()).optional()

/** An error of Tollgate's own and Ollama's paths. Some have further fields. */
export const plainError = z
  .looseObject({ error: z.string().meta({ description: 'A plain sentence' }), code: z.string(), request_id: z.uuid(), available_models: names, available_in: names, retry_after: z.int().optional().meta({ description: 'Seconds' }) })
  .meta({ id: 'PlainError' })

/** OpenAI's error; the same further fields. */
export const openAiError = z
  .looseObject({ error: z.looseObject({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string().nullable() }), request_id: z.uuid() })
  .meta({ id: 'OpenAiError' })

/** Anthropic's error; the same further fields. */
export const anthropicError = z
  .looseObject({ type: z.literal('error'), error: z.looseObject({ type: z.string(), message: z.string(), code: z.string() }), request_id: z.uuid() })
  .meta({ id: 'AnthropicError' })
