import type { CatalogModel } from '@tollgate/catalog'
import type { ClusterConfig } from '@tollgate/platform/config'

type Loaded = Pick<CatalogModel, 'numCtx' | 'keepAlive' | 'contextLength'>
type Defaults = Pick<ClusterConfig, 'OLLAMA_CONTEXT_LENGTH' | 'OLLAMA_KEEP_ALIVE'>

/**
 * How a model's operator wants it loaded, in Ollama's names; the installation's settings where they say nothing. Equal for
 * all tenants, since another context would load the model anew. Other providers load as they like: undefined. Pure.
 */
export function loadSettings(model: Loaded, provider: string, defaults: Defaults): Record<string, unknown> | undefined {
  if (provider !== 'ollama') return undefined
  const numCtx = model.numCtx ?? defaults.OLLAMA_CONTEXT_LENGTH
  const keepAlive = model.keepAlive ?? defaults.OLLAMA_KEEP_ALIVE
  return { ...(numCtx === undefined ? {} : { num_ctx: numCtx }), ...(keepAlive === undefined ? {} : { keep_alive: secondsOr(keepAlive) }) }
}

/** Tokens of context that a model has at a provider: Ollama hosts load it with what is set, never with more than it has. Null = not known. Pure. */
export function contextAt(model: Loaded, provider: string, defaults: Defaults): number | null {
  const set = provider === 'ollama' ? (model.numCtx ?? defaults.OLLAMA_CONTEXT_LENGTH) : undefined
  return set === undefined ? model.contextLength : Math.min(set, model.contextLength ?? set)
}

/** Ollama reads seconds as a number only; a bare number in text is an error to it. */
function secondsOr(duration: string | number): string | number {
  return typeof duration === 'string' && /^-?\d+$/.test(duration) ? Number(duration) : duration
}
