const LONGEST_REASON = 200

/** Longest text looked at, so that the patterns below never run over a megabyte. */
const LONGEST_INPUT = 4000

/** What must not leave in a reason: markup, links, credentials, addresses, file and registry paths. */
const HIDDEN: readonly (readonly [RegExp, string])[] = [
  [/<[^<>]{0,500}>/g, ' '],
  [/\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s"'`]+/gi, '[link]'],
  [/\b(?:bearer|basic)\s+[\w.~+/=-]+/gi, '[credential]'],
  [/\b(?:sk|pk|rk|tg|key|org|proj|hf|gsk|xai)[-_][\w*.-]{4,}/gi, '[credential]'],
  [/\b(?=[\w-]*\d)[\w-]{32,}\b/g, '[id]'],
  [/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b/g, '[address]'],
  [/\[?\b(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}\]?(?::\d{1,5})?/gi, '[address]'],
  [/\b(?:localhost|[\w-]+(?:\.[\w-]+)*\.(?:ai|com|net|org|io|dev|internal|local|svc|lan))(?::\d{1,5})?(?:\/[\w./:@-]*)?/gi, '[name]'],
  [/(?:[a-z]:)?(?:[\\/][\w.@-]+){2,}[\\/]?/gi, '[path]'],
  [/[\w.+-]+@[\w-]+\.[\w.-]+/g, '[address]'],
]

/**
 * An upstream's own sentence made fit for a tenant: one line of at most 200 characters without secrets, addresses,
 * links or paths, and with the host's inner model name replaced. Empty text becomes a neutral sentence.
 */
export function scrub(text: string, { secret, model }: { secret: string | null; model: string }): string {
  let clean = text.slice(0, LONGEST_INPUT)
  if (secret) clean = clean.replaceAll(secret, '[credential]')
  for (const [pattern, word] of HIDDEN) clean = clean.replace(pattern, word)
  if (model.length > 1) clean = clean.replaceAll(`"${model}"`, 'this model').replaceAll(`'${model}'`, 'this model').replaceAll(model, 'this model')
  // eslint-disable-next-line no-control-regex -- control characters are what is removed
  clean = clean.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').replace(/\s+/g, ' ').replace(/^\[(?:name|path)\] (does not|is not)/, 'this model $1').trim()
  if (clean === '') return 'it gave no reason'
  return clean.length <= LONGEST_REASON ? clean : `${clean.slice(0, LONGEST_REASON - 1)}…`
}
