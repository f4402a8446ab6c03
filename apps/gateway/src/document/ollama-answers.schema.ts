import { instantTextReply, moneyReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import { tokenLogprob, warnings } from './fields.schema'

const head = { model: z.string().meta({ description: "The caller's own spelling" }), created_at: instantTextReply }
const toolCalls = z.array(z.strictObject({ id: z.string(), function: z.strictObject({ index: z.int(), name: z.string(), arguments: z.unknown().meta({ description: 'An object, as the model made it' }) }) })).optional()
const thinking = z.string().optional()

const said = { role: z.literal('assistant'), content: z.string() }

const nanoseconds = z.int().meta({ description: 'Nanoseconds' })

const end = {
  ...head,
  done: z.literal(true),
  done_reason: z.enum(['stop', 'length']),
  logprobs: z.array(tokenLogprob).readonly().optional(),
  total_duration: nanoseconds,
  load_duration: nanoseconds,
  prompt_eval_count: z.int(),
  prompt_eval_duration: nanoseconds,
  eval_count: z.int(),
  eval_duration: nanoseconds,
  cost: moneyReply,
  currency: z.string(),
  request_id: z.uuid(),
  warnings: warnings.optional(),
}

/** What an empty request is answered: the caller may use the model. */
const load = { ...head, done: z.literal(true), done_reason: z.literal('load') }

/** `POST /api/chat`; cost, currency, request id and warnings are additions. */
export const ollamaChat = z.union([
  z.strictObject({ ...end, message: z.strictObject({ ...said, thinking, tool_calls: toolCalls }) }).meta({ id: 'OllamaChat' }),
  z.strictObject({ ...load, message: z.strictObject(said) }).meta({ id: 'OllamaChatLoad' }),
])

/** `POST /api/generate`. */
export const ollamaGenerate = z.union([
  z.strictObject({ ...end, response: z.string(), thinking, tool_calls: toolCalls }).meta({ id: 'OllamaGenerate' }),
  z.strictObject({ ...load, response: z.literal('') }).meta({ id: 'OllamaGenerateLoad' }),
])

const vector = z.array(z.number()).readonly()

/** `POST /api/embed`. */
export const ollamaEmbed = z.strictObject({ model: head.model, embeddings: z.array(vector), total_duration: nanoseconds, load_duration: nanoseconds, prompt_eval_count: z.int() }).meta({ id: 'OllamaEmbed' })

/** `POST /api/embeddings`. */
export const ollamaEmbeddings = z.strictObject({ embedding: vector })

/** Empty where the host did not tell. */
const details = z.strictObject({ parent_model: z.string(), format: z.string(), family: z.string(), families: z.array(z.string()).nullable(), parameter_size: z.string(), quantization_level: z.string() }).meta({ id: 'OllamaModelDetails' })
const capabilities = z.array(z.enum(['completion', 'embedding', 'vision', 'tools', 'thinking']))

const tag = z
  .strictObject({ name: z.string(), model: z.string(), modified_at: instantTextReply, size: z.int().meta({ description: 'Bytes; 0 for cloud models' }), digest: z.string().meta({ description: 'Of the catalogue entry, not of weights' }), details, capabilities })
  .meta({ id: 'OllamaModel' })

/** `GET /api/tags`. */
export const ollamaTags = z.strictObject({ models: z.array(tag) })

/** `GET /api/ps`: what is loaded is not told. */
export const ollamaPs = z.strictObject({ models: z.array(z.unknown()).max(0) })

/** `GET /api/version`. */
export const ollamaVersion = z.strictObject({ version: z.string() })

/** `POST /api/show`. */
export const ollamaCard = z
  .strictObject({
    modelfile: z.literal(''),
    parameters: z.literal(''),
    template: z.literal(''),
    details,
    model_info: z.record(z.string(), z.union([z.string(), z.number()])),
    capabilities,
    modified_at: instantTextReply,
  })
  .meta({ id: 'OllamaCard' })
