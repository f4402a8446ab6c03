/**
 * Is a version below another? Only the numbers count: `0.17.1-rc2` is 0.17.1. A build without a number of its own
 * (`0.0.0`, which Ollama's sources report) is its operator's business and never older.
 */
export function isOlder(version: string, floor: string): boolean {
  const own = numbers(version)
  const least = numbers(floor)
  if (!own || !least || own.every((part) => part === 0)) return false
  for (let i = 0; i < 3; i++) if (own[i] !== least[i]) return own[i]! < least[i]!
  return false
}

function numbers(version: string): [number, number, number] | null {
  const match = /^v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?/.exec(version)
  return match ? [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] : null
}
