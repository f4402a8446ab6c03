/** Are these all the arguments of a tool call? Nothing may follow a whole object, so the call is done. */
export function areWholeArguments(text: string): boolean {
  if (!text.trimEnd().endsWith('}')) return false
  try {
    return typeof JSON.parse(text) === 'object'
  } catch {
    return false
  }
}
