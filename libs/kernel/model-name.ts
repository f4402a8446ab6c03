/**
 * Canonical form of a model name: trimmed, and without Ollama's default tag, since `llama3.2` and `llama3.2:latest`
 * are one name (product.md 3.1). Case is kept: cloud ids are case-sensitive.
 */
export function canonicalModel(name: string): string {
  const trimmed = name.trim()
  return trimmed.endsWith(':latest') ? trimmed.slice(0, -':latest'.length) : trimmed
}

/** Does a tier pattern (`exact`, `family:*` or `*`) cover a canonical model name? `llama3.2:*` covers `llama3.2` too. */
export function matchesPattern(pattern: string, model: string): boolean {
  if (pattern === '*') return true
  if (!pattern.endsWith(':*')) return canonicalModel(pattern) === model
  const family = pattern.slice(0, -2)
  return model === family || model.startsWith(`${family}:`)
}

/** True when any of the patterns covers the model. */
export function matchesAny(patterns: readonly string[], model: string): boolean {
  return patterns.some((pattern) => matchesPattern(pattern, model))
}

/**
 * Splits `provider:model` or `provider/model` at the first separator, but only when the left part is a registered
 * provider: otherwise the colon is an Ollama tag and the slash part of a cloud id (product.md 5).
 */
export function splitQualified(name: string, providers: ReadonlySet<string>): { provider: string; model: string } | null {
  const at = name.search(/[:/]/)
  if (at < 1 || at === name.length - 1) return null
  const provider = name.slice(0, at).toLowerCase()
  return providers.has(provider) ? { provider, model: canonicalModel(name.slice(at + 1)) } : null
}

const KEPT = /^tollgate-kept\/([A-Za-z0-9._-]+):([0-9a-f]{12})(?::latest)?$/
/** Ollama's most for a part of a name. */
const MOST_PART_CHARS = 80

/**
 * The name under which an Ollama host keeps weights of a model that a pull or create is about to replace, so that a
 * rollback needs no build: `tollgate-kept/<model>:<digest>`. Null for a model whose name leaves no room.
 */
export function keptName(model: string, digest: string): string | null {
  const part = canonicalModel(model).replace(/[_/:]/g, (mark) => ({ _: '__', '/': '_s', ':': '_t' })[mark]!)
  const name = `tollgate-kept/${part}:${digest.slice(0, 12)}`
  return part.length <= MOST_PART_CHARS && KEPT.test(name) ? name : null
}

/** The model whose weights a name keeps; null for a name of any other kind. */
export function keptModel(name: string): string | null {
  const part = KEPT.exec(name)?.[1]
  return part === undefined ? null : part.replace(/_([_st])/g, (_, mark: string) => ({ _: '_', s: '/', t: ':' })[mark]!)
}
