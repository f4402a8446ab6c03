/** Which requests a behaviour set on a whole host touches: only inference, or every path (probes and listings too). */
export type Scope = 'inference' | 'every-path'

const INFERENCE = `
  ok ok-cached length tool tool-early tool-parallel tool-noindex think think-raw json refusal n2 logprobs embed
  load-only unload ping cost fallback-model slow burst split long-line no-model no-model-embed no-tools no-think
  too-long busy load-fail bad-option no-embed bad-json rate rate-ms rate-far quota overloaded detail hang-mid drip
  reset-mid eof-mid eof-nodone slow-load err-line err-v1-silent err-event err-event-r err-200 err-old err-a
  garbage-mid json-for-stream stream-for-json wrong-type no-usage usage-every usage-zeros usage-finish usage-wrong
  double-finish finish-odd empty empty-choices-first id-repeat model-renamed extra-fields endless ignores-abort
  clock-skew slow-then-ok inject secret-echo left-open extra-response wrong-model
  repeat tool-repeat tool-same-index tool-reordered
`

const EVERY_PATH = `
  tags show ps keepalive-forever pull pull-fail pull-stall create loading no-key forbidden-host http500
  gateway-html not-found-text redirect refuse blackhole hang-headers reset-first short-body early-close
  stale-keepalive gzip flap tls-bad
`

const wordsOf = (text: string): string[] => text.trim().split(/\s+/)

/** Every behaviour of the catalogue this sandbox can play, with the requests it touches when set on a host. */
export const SCOPES: ReadonlyMap<string, Scope> = new Map<string, Scope>([
  ...wordsOf(INFERENCE).map((name): [string, Scope] => [name, 'inference']),
  ...wordsOf(EVERY_PATH).map((name): [string, Scope] => [name, 'every-path']),
])
