/** What a log may hold of an error: name, message, code and stack. A failed query also carries its parameters, which may be hashes of keys. */
export function errorFacts(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: typeof error === 'string' ? error : `a ${typeof error} was thrown` }
  const { name, message, stack } = error
  const { code } = error as { code?: unknown }
  return { type: name, message, ...(typeof code === 'string' ? { code } : {}), stack }
}
