import { refuse, type ChatRequest, type Refusal } from '@tollgate/kernel'
import { lowEstimatePromptTokens } from '@tollgate/pricing'
import type { Candidate } from '@tollgate/routing'

/** What the providers' room and the operator's settings say of a deployment. */
export interface Abilities {
  /** A parameter that would be lost on the way to this provider; null = none. */
  readonly lackOf: (provider: string) => { readonly parameter: string; readonly reason: string } | null
  /** Tokens of context there; null = not known. */
  readonly contextOf: (provider: string) => number | null
}

/**
 * Deployments that can serve the whole wish. What does not fit the context or would be dropped is refused when there is
 * none: silently shortened or ignored, it would be another question. Pure.
 */
export function fitCandidates(request: ChatRequest, candidates: readonly Candidate[], { lackOf, contextOf }: Abilities): Candidate[] | { kind: 'refused'; refusal: Refusal } {
  let refusal: Refusal | null = null
  const fit = candidates.filter(({ provider }) => {
    const why = misfit(request, lackOf(provider), contextOf(provider))
    refusal ??= why
    return why === null
  })
  return fit.length === 0 && refusal ? { kind: 'refused', refusal } : fit
}

/** `context_length_exceeded` with both numbers, for programs too. */
export function contextRefusal(limit: number | null, used: number | null): Refusal {
  const words = { limit: limit ?? 'an unknown number of', used: used ?? 'more' }
  return refuse('context_length_exceeded', words, { details: { param: 'messages', context_length: limit, prompt_tokens: used } })
}

function misfit(request: ChatRequest, lack: ReturnType<Abilities['lackOf']>, contextLength: number | null): Refusal | null {
  if (lack) return refuse('unsupported_parameter', { ...lack }, { details: { param: lack.parameter } })
  // A token is at least one byte: most bodies need not be counted.
  if (contextLength === null || request.bodyBytes < contextLength) return null
  const used = leastUsed(request)
  // An answer needs a token too, a vector does not.
  return used + (request.embedding ? 0 : 1) > contextLength ? contextRefusal(contextLength, used) : null
}

/** Inputs of embeddings are read one by one. */
function leastUsed({ messages, embedding }: ChatRequest): number {
  return embedding ? Math.max(...messages.map((message) => lowEstimatePromptTokens([message]))) : lowEstimatePromptTokens(messages)
}
