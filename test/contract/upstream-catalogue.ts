import type { Dialect } from '../../apps/sandbox/src'

/** Dialects a hosted or local upstream may speak. */
export const UPSTREAMS = ['ollama', 'openai', 'openrouter', 'vllm', 'llamacpp', 'anthropic'] as const satisfies readonly Dialect[]

/**
 * What must become of a call: `finish prompt/completion` of one that completed (`-` for a count nobody gave), or
 * `class code blames` of one that failed (libs/providers/domain/adapter.ts says what these mean).
 */
export type Fate = string

/** One behaviour of the catalogue of upstreams, and what an adapter makes of it. */
export interface Trial {
  /** Its number in the catalogue; above 100 it is a row of T16. */
  readonly number: number
  /** As a sandbox host is told: `name;key=value`. */
  readonly behaviour: string
  readonly stream: Fate
  /** Of a call without a stream, where it differs. */
  readonly whole?: Fate
  /** Dialects it means something in; all without it. */
  readonly only?: readonly Dialect[]
  /** Flags every outcome must carry. */
  readonly flag?: string
  /** Request fields beyond model and messages, in OpenAI's shape. */
  readonly parameters?: Readonly<Record<string, unknown>>
  readonly maxTokens?: number
  /** The patience that must run out, or that must not. */
  readonly isTimed?: boolean
}

const TOOLS = { tools: ['get_weather', 'get_time'].map((name) => ({ type: 'function', function: { name, parameters: { type: 'object', properties: {} } } })) }
const THINK = { reasoning_effort: 'low' }
const SSE: Dialect[] = ['openai', 'openrouter', 'vllm', 'llamacpp', 'anthropic']
const OPENAI: Dialect[] = ['openai', 'openrouter', 'vllm', 'llamacpp']

const OK = 'stop 4/11'
const CALLER = 'caller upstream_rejected nobody'
const TOO_LONG = 'caller context_length_exceeded nobody'
const BUSY = 'refused model_not_available host'
const NO_MODEL = 'refused model_not_available deployment'
const RATED = 'refused model_not_available nobody'
const OURS = 'misconfigured upstream_error nobody'
const BROKE = 'ambiguous upstream_error host'
const SILENT = 'ambiguous upstream_timeout host'
const SHORT = 'ambiguous stream_incomplete host'
const CUT = 'cut upstream_error host'
const CUT_SHORT = 'cut stream_incomplete host'

/** Section B: upstreams that behave, each in its own way. */
const WELL_BEHAVED: Trial[] = [
  { number: 1, behaviour: 'ok', stream: OK },
  { number: 4, behaviour: 'ok-cached', stream: OK },
  { number: 5, behaviour: 'length', stream: 'length 4/5' },
  { number: 6, behaviour: 'tool', stream: 'tool_calls 20/7', parameters: TOOLS },
  { number: 7, behaviour: 'tool-early', stream: 'tool_calls 20/7', parameters: TOOLS, only: ['ollama'] },
  { number: 9, behaviour: 'tool-parallel', stream: 'tool_calls 20/13', parameters: TOOLS },
  { number: 10, behaviour: 'tool-noindex', stream: 'tool_calls 20/7', parameters: TOOLS, only: OPENAI },
  { number: 11, behaviour: 'think', stream: 'stop 4/14' },
  { number: 12, behaviour: 'think-raw', stream: 'stop 4/16', only: ['ollama'] },
  { number: 13, behaviour: 'json', stream: 'stop 4/3' },
  { number: 14, behaviour: 'refusal', stream: 'content_filter 4/11', only: SSE },
  // The second choice is dropped, and what the upstream counted for both is not what was delivered.
  { number: 15, behaviour: 'n2', stream: 'stop 4/-', only: ['openai', 'openrouter', 'vllm'], flag: 'unasked_choice' },
  { number: 16, behaviour: 'logprobs', stream: OK },
  { number: 18, behaviour: 'load-only', stream: BROKE, only: ['ollama'] },
  { number: 18, behaviour: 'unload', stream: BROKE, only: ['ollama'] },
  { number: 22, behaviour: 'ping;every=2', stream: OK, only: SSE },
  { number: 23, behaviour: 'cost', stream: OK, only: ['openrouter'] },
  { number: 24, behaviour: 'fallback-model', stream: OK, only: ['openrouter'], flag: 'model_differs' },
  { number: 25, behaviour: 'slow;gap=20', stream: OK },
  { number: 26, behaviour: 'burst', stream: 'stop 4/10001', maxTokens: 20_000 },
  { number: 26, behaviour: 'burst;once=1', stream: 'stop 4/10001', maxTokens: 20_000 },
  { number: 27, behaviour: 'split', stream: 'stop 4/5' },
  { number: 27, behaviour: 'split;crlf=1', stream: 'stop 4/5' },
  { number: 28, behaviour: 'long-line', stream: BROKE, whole: 'stop 4/2' },
]

/** Section C: refusals before the first byte. */
const REFUSALS: Trial[] = [
  { number: 29, behaviour: 'no-model', stream: NO_MODEL },
  { number: 30, behaviour: 'no-model-embed', stream: NO_MODEL },
  { number: 31, behaviour: 'no-tools', stream: CALLER, parameters: TOOLS },
  { number: 32, behaviour: 'no-think', stream: CALLER, parameters: THINK, only: ['ollama', ...OPENAI] },
  { number: 33, behaviour: 'too-long', stream: TOO_LONG },
  { number: 35, behaviour: 'busy', stream: BUSY },
  { number: 36, behaviour: 'loading', stream: BUSY },
  { number: 37, behaviour: 'load-fail', stream: NO_MODEL },
  { number: 38, behaviour: 'bad-option', stream: CALLER },
  { number: 39, behaviour: 'no-embed', stream: CALLER },
  { number: 40, behaviour: 'bad-json', stream: CALLER },
  { number: 41, behaviour: 'no-key', stream: OURS },
  { number: 42, behaviour: 'forbidden-host', stream: OURS },
  { number: 43, behaviour: 'rate', stream: RATED },
  { number: 44, behaviour: 'rate-ms', stream: RATED },
  { number: 45, behaviour: 'rate-far', stream: RATED },
  { number: 46, behaviour: 'quota', stream: OURS, only: ['openai', 'openrouter', 'llamacpp', 'anthropic'] },
  { number: 46, behaviour: 'quota;kind=balance', stream: OURS, only: ['anthropic'] },
  { number: 46, behaviour: 'quota;kind=cap', stream: OURS, only: ['anthropic'] },
  { number: 47, behaviour: 'overloaded', stream: BUSY },
  { number: 48, behaviour: 'http500', stream: BROKE },
  { number: 49, behaviour: 'gateway-html', stream: BROKE },
  { number: 49, behaviour: 'gateway-html;status=504', stream: SILENT },
  { number: 50, behaviour: 'not-found-text', stream: OURS },
  { number: 51, behaviour: 'detail', stream: CALLER },
  { number: 52, behaviour: 'redirect', stream: OURS },
]

/** Section D: transport faults. */
const TRANSPORT: Trial[] = [
  { number: 53, behaviour: 'refuse', stream: 'not_dispatched upstream_error host' },
  { number: 54, behaviour: 'blackhole', stream: SILENT, isTimed: true },
  { number: 55, behaviour: 'hang-headers', stream: SILENT, isTimed: true },
  { number: 56, behaviour: 'hang-mid', stream: 'cut upstream_timeout host', whole: SILENT, isTimed: true },
  { number: 57, behaviour: 'drip', stream: SILENT, isTimed: true },
  { number: 58, behaviour: 'reset-first', stream: BROKE },
  { number: 59, behaviour: 'reset-mid', stream: CUT_SHORT, whole: SHORT },
  { number: 60, behaviour: 'eof-mid', stream: CUT_SHORT, whole: BROKE },
  { number: 61, behaviour: 'eof-nodone', stream: OK, only: SSE },
  // A stream is whole with its terminal event, whatever its length claims.
  { number: 62, behaviour: 'short-body', stream: OK, whole: SHORT },
  { number: 63, behaviour: 'early-close', stream: OK },
  { number: 64, behaviour: 'stale-keepalive;idle=1', stream: OK },
  { number: 65, behaviour: 'gzip', stream: BROKE },
  { number: 66, behaviour: 'slow-load;delay=50', stream: OK },
  { number: 67, behaviour: 'tls-bad', stream: 'misconfigured upstream_error host' },
  { number: 67, behaviour: 'tls-bad;expired=1', stream: 'misconfigured upstream_error host' },
]

/** Section E: failure inside a 200 answer. */
const INSIDE: Trial[] = [
  { number: 68, behaviour: 'err-line', stream: CUT, whole: BROKE },
  { number: 69, behaviour: 'err-v1-silent', stream: CUT_SHORT, whole: BROKE },
  { number: 70, behaviour: 'err-event', stream: CUT, whole: BROKE },
  { number: 71, behaviour: 'err-event-r', stream: CUT, whole: BROKE },
  { number: 72, behaviour: 'err-200', stream: BROKE, only: ['ollama', ...OPENAI] },
  // Anthropic's says it is overloaded: nothing was done.
  { number: 72, behaviour: 'err-200', stream: BUSY, only: ['anthropic'] },
  { number: 73, behaviour: 'err-old', stream: CUT, whole: BROKE },
  { number: 74, behaviour: 'err-a', stream: CUT, whole: BROKE },
  { number: 75, behaviour: 'garbage-mid', stream: CUT, whole: BROKE },
  { number: 76, behaviour: 'json-for-stream', stream: OK, only: SSE },
  { number: 77, behaviour: 'stream-for-json', stream: OK, whole: 'stop -/-', only: ['openai', 'vllm', 'llamacpp'] },
  { number: 77, behaviour: 'stream-for-json', stream: OK, only: ['openrouter', 'anthropic'] },
  { number: 78, behaviour: 'wrong-type', stream: BROKE },
]

/** Section F: odd, but allowed. */
const ODD: Trial[] = [
  { number: 81, behaviour: 'no-usage', stream: 'stop -/-' },
  { number: 82, behaviour: 'usage-every', stream: OK },
  { number: 83, behaviour: 'usage-zeros', stream: OK },
  { number: 84, behaviour: 'usage-finish', stream: OK },
  { number: 85, behaviour: 'usage-wrong;kind=total', stream: OK, only: OPENAI, flag: 'usage_total_differs' },
  { number: 85, behaviour: 'usage-wrong;kind=negative', stream: 'stop -/-', flag: 'usage_implausible' },
  { number: 85, behaviour: 'usage-wrong;kind=huge', stream: 'stop 4/-', flag: 'usage_implausible' },
  { number: 85, behaviour: 'usage-wrong;kind=text', stream: 'stop -/-', flag: 'usage_implausible' },
  { number: 85, behaviour: 'usage-wrong;kind=fraction', stream: 'stop -/-', flag: 'usage_implausible' },
  { number: 85, behaviour: 'usage-wrong;kind=null', stream: 'stop -/-' },
  { number: 86, behaviour: 'double-finish', stream: OK },
  { number: 87, behaviour: 'finish-odd', stream: OK },
  { number: 87, behaviour: 'finish-odd;reason=null', stream: OK },
  { number: 87, behaviour: 'finish-odd;reason=abort', stream: CUT, whole: BROKE, only: OPENAI },
  { number: 87, behaviour: 'finish-odd;reason=error', stream: CUT, whole: BROKE, only: OPENAI },
  { number: 88, behaviour: 'empty', stream: 'stop 4/-', only: ['ollama'] },
  { number: 88, behaviour: 'empty', stream: 'stop 4/0', only: SSE },
  { number: 89, behaviour: 'empty-choices-first', stream: OK, only: OPENAI },
  { number: 90, behaviour: 'id-repeat', stream: OK },
  { number: 91, behaviour: 'model-renamed', stream: OK },
  { number: 92, behaviour: 'extra-fields', stream: OK },
  { number: 93, behaviour: 'endless', stream: 'length -/-', whole: SILENT, flag: 'cut_at_max_tokens', maxTokens: 30, isTimed: true },
  { number: 94, behaviour: 'ignores-abort', stream: OK },
  { number: 95, behaviour: 'clock-skew', stream: OK },
  { number: 97, behaviour: 'flap;k=2', stream: OK },
  { number: 98, behaviour: 'slow-then-ok;m=1;gap=20', stream: OK },
  { number: 99, behaviour: 'inject', stream: 'stop 4/16' },
  { number: 100, behaviour: 'secret-echo', stream: BROKE },
  { number: 100, behaviour: 'secret-echo;status=400', stream: CALLER },
]

/** Rows of T16 that the catalogue has no number for, as 100 + their own. */
const OF_T16: Trial[] = [
  { number: 109, behaviour: 'left-open', stream: OK },
  { number: 109, behaviour: 'left-open;done=0', stream: OK, only: SSE },
  { number: 115, behaviour: 'usage-wrong;kind=tenfold', stream: 'stop 4/110', flag: 'usage_disputed' },
  { number: 128, behaviour: 'extra-response', stream: OK },
  { number: 128, behaviour: 'extra-response;ms=30', stream: OK },
  // A chunk has no number: the word is passed on twice, and billed once, as counted. Blocks have one.
  { number: 130, behaviour: 'repeat', stream: OK },
  { number: 130, behaviour: 'repeat;kind=choice', stream: 'stop 4/-', only: OPENAI, flag: 'unasked_choice' },
  { number: 130, behaviour: 'repeat;kind=start', stream: BROKE, whole: OK, only: ['anthropic'] },
  { number: 130, behaviour: 'repeat;kind=late', stream: CUT, whole: OK, only: ['anthropic'] },
  { number: 130, behaviour: 'tool-repeat', stream: CUT, whole: 'tool_calls 20/7', only: SSE, parameters: TOOLS },
  { number: 130, behaviour: 'tool-repeat', stream: 'tool_calls 20/7', only: ['ollama'], parameters: TOOLS, flag: 'repeated_tool_call' },
  { number: 130, behaviour: 'tool-repeat;kind=whole', stream: 'tool_calls 20/7', only: OPENAI, parameters: TOOLS, flag: 'repeated_tool_call' },
  { number: 130, behaviour: 'tool-same-index', stream: 'tool_calls 20/13', only: OPENAI, parameters: TOOLS },
  { number: 130, behaviour: 'tool-reordered', stream: 'tool_calls 20/13', only: OPENAI, parameters: TOOLS },
  { number: 129, behaviour: 'wrong-model', stream: OK, only: ['ollama', 'openai', 'openrouter', 'vllm', 'anthropic'], flag: 'model_differs' },
]

/** What of the catalogue an inference call can meet. The rest belongs to listings, pulls and creations of a host. */
export const TRIALS: readonly Trial[] = [...WELL_BEHAVED, ...REFUSALS, ...TRANSPORT, ...INSIDE, ...ODD, ...OF_T16]

/** Behaviours of the sandbox that are about models and hosts, not inference; their own rooms try them. */
export const NOT_INFERENCE: readonly string[] = ['embed', 'tags', 'show', 'ps', 'keepalive-forever', 'pull', 'pull-fail', 'pull-stall', 'create']
