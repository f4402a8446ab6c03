import { refuse, RefusalError, type ChatRequest } from '@tollgate/kernel'
import { z } from 'zod'
import { maxTokensSchema, modelNameSchema } from '../request-body'
import { givenFields, notesOfUnknown, samplingFields } from './chat-completions.schema'

const DEFAULT_MAX_TOKENS = 16
const MOST_LOGPROBS = 5

/** Body of the legacy `POST /v1/completions`. What is done with each field is a table in this app's README. */
export const completionsSchema = z
  .looseObject({
    model: modelNameSchema.min(1, 'must not be empty'),
    prompt: z.union([z.string(), z.array(z.string()).length(1, 'one prompt per request is supported; send the request several times')], 'must be text; token lists are not supported'),
    max_tokens: maxTokensSchema.nullish(),
    ...samplingFields,
    logprobs: z.number().int('must be a whole number').min(0).max(MOST_LOGPROBS, `must be at most ${MOST_LOGPROBS}`).nullish(),
    echo: z.boolean().nullish(),
    best_of: z.number().int('must be a whole number').min(1, 'must be at least 1').nullish(),
    suffix: z.string().nullish(),
  })
  .superRefine((body, context) => {
    if (body.stream_options && body.stream !== true) context.addIssue({ code: 'custom', path: ['stream_options'], message: 'is allowed only with stream: true' })
  })

type CompletionsBody = z.infer<typeof completionsSchema>

const PASSED = ['temperature', 'top_p', 'presence_penalty', 'frequency_penalty', 'stop', 'seed', 'logit_bias', 'top_k', 'min_p', 'repetition_penalty']
const KNOWN = new Set([...PASSED, 'model', 'prompt', 'max_tokens', 'n', 'stream', 'stream_options', 'logprobs', 'echo', 'best_of', 'suffix', 'user'])

/** A legacy wish as the canonical request, and what its answer needs beside it. */
export interface LegacyWish {
  readonly request: ChatRequest
  readonly notes: readonly string[]
  /** What each choice begins with: the prompt, where it is to be repeated. */
  readonly echo: string
}

/** A prompt is one turn of the user: hosts apply the model's own template. @throws RefusalError that names a field which cannot be served */
export function legacyWish(body: CompletionsBody, bodyBytes: number): LegacyWish {
  const refusal = refusalOf(body)
  if (refusal) throw new RefusalError(refuse('unsupported_parameter', refusal, { details: { param: refusal.parameter } }))
  const given = givenFields(body)
  const parameters: Record<string, unknown> = {}
  for (const name of PASSED) if (given.includes(name)) parameters[name] = body[name]
  if (typeof body.logprobs === 'number') Object.assign(parameters, { logprobs: true, ...(body.logprobs > 0 ? { top_logprobs: body.logprobs } : {}) })
  const prompt = typeof body.prompt === 'string' ? body.prompt : body.prompt[0]!
  const choices = body.n && body.n > 1 ? { choices: body.n } : {}
  return {
    request: { model: body.model, messages: [{ role: 'user', content: prompt }], stream: body.stream === true, ...choices, maxTokens: body.max_tokens ?? DEFAULT_MAX_TOKENS, project: null, parameters, bodyBytes },
    notes: notesOfUnknown(given, KNOWN),
    echo: body.echo === true ? prompt : '',
  }
}

function refusalOf({ best_of: bestOf, n, suffix, echo, logprobs }: CompletionsBody): { parameter: string; reason: string } | null {
  if (suffix) return { parameter: 'suffix', reason: 'chat models do not write towards an end; put it into the prompt' }
  if (bestOf && bestOf !== (n ?? 1)) return { parameter: 'best_of', reason: 'all answers that are paid for are given; ask for them with n and choose' }
  if (echo === true && typeof logprobs === 'number') return { parameter: 'echo', reason: 'no host tells log probabilities of a prompt; leave out echo or logprobs' }
  return null
}
