import { refuse, RefusalError, type ChatMessage, type ChatRequest } from '@tollgate/kernel'
import { z } from 'zod'
import { maxTokensSchema, messagesSchema, modelNameSchema } from '../request-body'

/** As many as OpenAI gives. Limits and budgets bound what they may use together. */
const MOST_CHOICES = 128
const MOST_TOOLS = 128

const penaltySchema = z.number().min(-2).max(2).nullish()
/** How hard a model is to think, in OpenAI's words. */
export const effortSchema = z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'])
const toolSchema = z.looseObject({
  type: z.literal('function', 'only tools of type function are served'),
  function: z.looseObject({ name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -'), parameters: z.looseObject({}).nullish() }),
})
const formatSchema = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({ type: z.literal('json_schema'), json_schema: z.looseObject({ name: z.string().max(200).optional(), schema: z.looseObject({}) }) }),
])

/** Fields that chat completions and legacy completions read alike. */
export const samplingFields = {
  n: z.number().int('must be a whole number').min(1, 'must be at least 1').max(MOST_CHOICES, `must be at most ${MOST_CHOICES}`).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  presence_penalty: penaltySchema,
  frequency_penalty: penaltySchema,
  seed: z.number().int().nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  logit_bias: z.record(z.string(), z.number().min(-100).max(100)).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
}

/** Body of `POST /v1/chat/completions`. What is done with each field is a table in this app's README. */
export const chatCompletionsSchema = z
  .looseObject({
    model: modelNameSchema.min(1, 'must not be empty'),
    messages: messagesSchema,
    max_tokens: maxTokensSchema.nullish(),
    max_completion_tokens: maxTokensSchema.nullish(),
    ...samplingFields,
    logprobs: z.boolean().nullish(),
    top_logprobs: z.number().int().min(0).max(20).nullish(),
    response_format: formatSchema.nullish(),
    tools: z.array(toolSchema).max(MOST_TOOLS, `must hold at most ${MOST_TOOLS} tools`).nullish(),
    tool_choice: z.union([z.enum(['none', 'auto', 'required']), z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: z.string() }) })], 'must be none, auto, required, or name a function').nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    reasoning_effort: effortSchema.nullish(),
    reasoning: z.looseObject({ effort: effortSchema.nullish(), max_tokens: maxTokensSchema.nullish(), enabled: z.boolean().nullish(), exclude: z.boolean().nullish() }).nullish(),
    provider: z.looseObject({ data_collection: z.enum(['allow', 'deny']).nullish(), zdr: z.boolean().nullish(), require_parameters: z.boolean().nullish() }).nullish(),
    modalities: z.array(z.literal('text', 'only text is served')).nullish(),
  })
  .superRefine((body, context) => {
    const fault = (param: string, message: string) => context.addIssue({ code: 'custom', path: [param], message })
    if (body.stream_options && body.stream !== true) fault('stream_options', 'is allowed only with stream: true')
    if (typeof body.top_logprobs === 'number' && body.logprobs !== true) fault('top_logprobs', 'is allowed only with logprobs: true')
    if (!body.tool_choice || body.tool_choice === 'none') return
    if (body.tool_choice !== 'auto' && !body.tools?.length) return fault('tool_choice', 'is allowed only with tools')
    const name = typeof body.tool_choice === 'object' ? body.tool_choice.function.name : null
    if (name !== null && !body.tools!.some((tool) => tool.function.name === name)) fault('tool_choice', 'names a function that is not among the tools')
  })

export type ChatCompletionsBody = z.infer<typeof chatCompletionsSchema>

/** Fields that reach the provider by their name, as far as it knows them. */
const PASSED = [
  'temperature', 'top_p', 'presence_penalty', 'frequency_penalty', 'stop', 'seed', 'logprobs', 'top_logprobs', 'logit_bias', 'response_format',
  'tools', 'tool_choice', 'parallel_tool_calls', 'reasoning_effort', 'verbosity', 'top_k', 'min_p', 'repetition_penalty',
]

/** Fields that the gateway reads itself. */
const GOVERNED = ['model', 'messages', 'max_tokens', 'max_completion_tokens', 'n', 'stream', 'stream_options', 'reasoning', 'modalities', 'provider']

/** Fields of accounts and storage at OpenAI: they change no answer here. */
const IGNORED = ['user', 'safety_identifier', 'metadata', 'store', 'service_tier', 'prompt_cache_key', 'prompt_cache_options', 'prompt_cache_retention', 'prediction']

/** Fields that would change the answer and that no host of ours honours, with what to do instead. */
const REFUSED: Readonly<Record<string, string>> = {
  functions: 'it is deprecated; send tools',
  function_call: 'it is deprecated; send tool_choice',
  audio: 'only text is served',
  web_search_options: 'the gateway searches nothing; send a tool of yours',
  moderation: 'the gateway moderates nothing',
}

const KNOWN = new Set([...PASSED, ...GOVERNED, ...IGNORED])

/** Thinking budgets from which OpenAI's words for effort hold; below the first one it is `low`. */
const EFFORTS: readonly (readonly [number, string])[] = [[16_384, 'high'], [4_096, 'medium']]

/** A wish in OpenAI's words as the canonical request, and what the caller should know of it. */
export interface CompletionsWish {
  readonly request: ChatRequest
  readonly notes: readonly string[]
  /** The caller does not want to see what the model thought; it is billed all the same. */
  readonly hidesReasoning: boolean
}

/** The wish behind a body. Of the two limits the smaller one counts. @throws RefusalError that names a field which cannot be served */
export function completionsWish(body: ChatCompletionsBody, bodyBytes: number): CompletionsWish {
  const given = givenFields(body)
  const refused = given.find((name) => Object.hasOwn(REFUSED, name))
  if (refused) throw new RefusalError(refuse('unsupported_parameter', { parameter: refused, reason: REFUSED[refused]! }, { details: { param: refused } }))
  const limits = [body.max_tokens, body.max_completion_tokens].filter((limit): limit is number => typeof limit === 'number')
  const parameters: Record<string, unknown> = {}
  for (const name of PASSED) if (given.includes(name)) parameters[name] = body[name]
  const effort = effortOf(body)
  if (effort !== null) parameters.reasoning_effort = effort
  const routing = routingOf(body)
  if (Object.keys(routing).length > 0) parameters.provider = routing
  return {
    request: {
      model: body.model,
      messages: body.messages as ChatMessage[],
      stream: body.stream === true,
      ...(body.n && body.n > 1 ? { choices: body.n } : {}),
      maxTokens: limits.length > 0 ? Math.min(...limits) : null,
      project: null,
      parameters,
      bodyBytes,
    },
    notes: [...notesOfUnknown(given, KNOWN), ...routingNotes(body)],
    hidesReasoning: body.reasoning?.exclude === true,
  }
}

/** Names of a body's fields that say something. */
export function givenFields(body: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(body).filter((name) => body[name] !== undefined && body[name] !== null)
}

/** A warning that names fields which are in no list; none without any. */
export function notesOfUnknown(given: readonly string[], known: ReadonlySet<string>): string[] {
  const unknown = given.filter((name) => !known.has(name)).map((name) => JSON.stringify(name.slice(0, 60)))
  return unknown.length > 0 ? [`fields that are not known here were ignored: ${unknown.slice(0, 10).join(', ')}`] : []
}

/** Wishes of OpenRouter's `provider` that only narrow where a call may go; the others would set the operator's price. */
const NARROWING = ['data_collection', 'zdr', 'require_parameters']

function routingOf({ provider }: ChatCompletionsBody): Record<string, unknown> {
  return {
    ...(provider?.data_collection === 'deny' ? { data_collection: 'deny' } : {}),
    ...(provider?.zdr === true ? { zdr: true } : {}),
    ...(provider?.require_parameters === true ? { require_parameters: true } : {}),
  }
}

function routingNotes({ provider }: ChatCompletionsBody): string[] {
  const others = Object.keys(provider ?? {}).filter((name) => !NARROWING.includes(name)).map((name) => JSON.stringify(name.slice(0, 60)))
  return others.length > 0 ? [`fields of provider that the operator decides were ignored: ${others.slice(0, 10).join(', ')}`] : []
}

/** OpenRouter's `reasoning` in OpenAI's word, which stands when both are given. */
function effortOf({ reasoning_effort: effort, reasoning }: ChatCompletionsBody): string | null {
  if (effort || !reasoning) return effort ?? null
  if (reasoning.enabled === false) return 'none'
  if (reasoning.effort) return reasoning.effort
  const budget = reasoning.max_tokens
  if (budget) return EFFORTS.find(([from]) => budget >= from)?.[1] ?? 'low'
  return reasoning.enabled === true ? 'medium' : null
}
