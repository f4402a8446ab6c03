const NANOSECONDS = 1_000_000

/** How long the host loaded the model for a call, in ms, by the usage it reported (Ollama's `load_duration`); null = it does not say. */
export function loadTimeMs(rawUsage: string | null): number | null {
  if (rawUsage === null || !rawUsage.includes('"load_duration"')) return null
  const { load_duration: nanoseconds } = JSON.parse(rawUsage) as { load_duration?: unknown }
  return typeof nanoseconds === 'number' && nanoseconds >= 0 ? nanoseconds / NANOSECONDS : null
}
