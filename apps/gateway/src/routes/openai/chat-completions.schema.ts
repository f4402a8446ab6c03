import type { ChatMessage, ChatRequest } from '@tollgate/kernel'
import { z } from 'zod'
import { maxTokensSchema, messagesSchema, modelNameSchema } from '../request-body'

/** Body of `POST /v1/chat/completions` as far as the gateway reads it; other fields pass to the provider by name. */
export const chatCompletionsSchema = z.looseObject({
  model: modelNameSchema.min(1, 'must not be empty'),
  messages: messagesSchema,
  max_tokens: maxTokensSchema.nullish(),
  max_completion_tokens: maxTokensSchema.nullish(),
  n: z.number().int().min(1).max(1, 'only one choice per request is supported; send the request several times').nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
})

export type ChatCompletionsBody = z.infer<typeof chatCompletionsSchema>

/** Fields of OpenAI's request that reach the provider. Everything else is dropped: account features we do not resell. */
const PASSED = [
  'temperature', 'top_p', 'presence_penalty', 'frequency_penalty', 'stop', 'seed', 'logprobs', 'top_logprobs', 'logit_bias', 'response_format',
  'tools', 'tool_choice', 'parallel_tool_calls', 'reasoning_effort', 'verbosity', 'top_k', 'min_p', 'repetition_penalty', 'functions', 'function_call',
]

/** The wish behind a body. Of the two limits the smaller one counts. */
export function completionsRequest(body: ChatCompletionsBody, bodyBytes: number): ChatRequest {
  const limits = [body.max_tokens, body.max_completion_tokens].filter((limit): limit is number => typeof limit === 'number')
  const parameters: Record<string, unknown> = {}
  for (const name of PASSED) if (body[name] !== undefined && body[name] !== null) parameters[name] = body[name]
  return {
    model: body.model,
    messages: body.messages as ChatMessage[],
    stream: body.stream === true,
    maxTokens: limits.length > 0 ? Math.min(...limits) : null,
    project: null,
    parameters,
    bodyBytes,
  }
}
