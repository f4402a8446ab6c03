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
