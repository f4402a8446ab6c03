import { afterFirstEvent, callerFailure, failureFromReply, failureFromStatus } from './failure'
import { retryAfterMs } from './retry-after'
import { scrub } from './scrub'

const CONTEXT = { requestedModel: 'smart', model: 'say', secret: 'sk-verysecret' }
const NOW = Date.UTC(2026, 10, 20, 12)
const json = { 'content-type': 'application/json' }
const from = (status: number, body: unknown, headers: Record<string, string> = json) =>
  failureFromStatus(status, typeof body === 'string' ? body : JSON.stringify(body), headers, NOW, CONTEXT)

const TOO_LONG = { code: 400, message: 'request (4519 tokens) exceeds the available context size (4096 tokens), try increasing it', type: 'exceed_context_size_error', n_prompt_tokens: 4519, n_ctx: 4096 }

describe('what a refusing answer means', () => {
  it.each([
    // status, body, class, code, blames, words
    ['Ollama model missing', 404, { error: "model 'nope' not found" }, 'refused', 'model_not_available', 'deployment', { model: 'smart' }],
    ['vLLM model missing', 404, { error: { message: 'The model `x` does not exist.', type: 'NotFoundError', code: 404 } }, 'refused', 'model_not_available', 'deployment', { model: 'smart' }],
    ['wrong path', 404, '404 page not found', 'misconfigured', 'upstream_error', 'nobody', {}],
    ['wrong path of llama-server', 404, { error: { code: 404, message: 'File Not Found', type: 'not_found_error' } }, 'misconfigured', 'upstream_error', 'nobody', {}],
    ['queue full', 503, { error: 'server busy, please try again.  maximum pending requests exceeded' }, 'refused', 'model_not_available', 'host', { model: 'smart' }],
    ['loading', 503, { error: { message: 'Loading model', type: 'unavailable_error', code: 503 } }, 'refused', 'model_not_available', 'host', { model: 'smart' }],
    ['overloaded', 529, { error: { type: 'overloaded_error', message: 'Overloaded' } }, 'refused', 'model_not_available', 'host', { model: 'smart' }],
    ['rate limit', 429, { error: { message: 'slow', code: 'rate_limit_exceeded' } }, 'refused', 'model_not_available', 'nobody', { model: 'smart' }],
    ['unpaid', 429, { error: { message: 'pay', type: 'insufficient_quota', code: 'insufficient_quota' } }, 'misconfigured', 'upstream_error', 'nobody', {}],
    ['payment', 402, { error: { code: 402, message: 'credits' } }, 'misconfigured', 'upstream_error', 'nobody', {}],
    ['key', 401, { error: 'Unauthorized' }, 'misconfigured', 'upstream_error', 'nobody', {}],
    ['foreign host header', 403, '', 'misconfigured', 'upstream_error', 'nobody', {}],
    ['moderation', 403, { error: { code: 403, message: 'flagged', metadata: { reasons: ['violence'], flagged_input: 'x' } } }, 'caller', 'upstream_rejected', 'nobody', { reason: 'the content was refused by moderation' }],
    ['nested context error of Ollama', 400, { error: JSON.stringify({ error: TOO_LONG }) }, 'caller', 'context_length_exceeded', 'nobody', { limit: 4096, used: 4519 }],
    ['context error of llama-server', 400, { error: TOO_LONG }, 'caller', 'context_length_exceeded', 'nobody', { limit: 4096, used: 4519 }],
    ['context error of OpenAI', 400, { error: { message: "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.", code: 'context_length_exceeded' } }, 'caller', 'context_length_exceeded', 'nobody', { limit: 8192, used: 9001 }],
    ['context error of Together', 403, { error: { message: '`inputs` tokens + `max_new_tokens` must be <= 4097. Given: 5000 `inputs` tokens; exceeds the context length' } }, 'caller', 'context_length_exceeded', 'nobody', { limit: 4097, used: 5000 }],
    ['context error without numbers', 400, { error: { message: 'too long', code: 'context_length_exceeded' } }, 'caller', 'context_length_exceeded', 'nobody', { limit: 'an unknown number of', used: 'more' }],
    ['no tools', 400, { error: 'registry.ollama.ai/library/plain:latest does not support tools' }, 'caller', 'upstream_rejected', 'nobody', { reason: 'this model does not support tools' }],
    ['no thinking', 400, { error: '"say" does not support thinking' }, 'caller', 'upstream_rejected', 'nobody', { reason: 'this model does not support thinking' }],
    ['FastAPI validation', 422, { detail: [{ loc: ['body', 'messages'], msg: 'field required', type: 'missing' }] }, 'caller', 'upstream_rejected', 'nobody', { reason: 'messages: field required' }],
    ['FastAPI object', 400, { detail: { error: 'context_validation_unavailable', message: 'cannot check' } }, 'caller', 'upstream_rejected', 'nobody', { reason: 'context_validation_unavailable: cannot check' }],
    ['option type', 500, { error: 'option "temperature" must be of type float32' }, 'caller', 'upstream_rejected', 'nobody', { reason: 'option "temperature" must be of type float32' }],
    ['format', 500, { error: 'invalid format: "\\"yaml\\""; expected "json" or a valid JSON Schema object' }, 'caller', 'upstream_rejected', 'nobody', {}],
    ['image for a text model', 500, { error: '{"error":{"code":500,"message":"image input is not supported - hint: x","type":"server_error"}}' }, 'caller', 'upstream_rejected', 'nobody', {}],
    ['no embeddings', 501, { error: 'This server does not support embeddings.' }, 'caller', 'upstream_rejected', 'nobody', {}],
    ['load failure', 500, { error: 'llama-server process has terminated: exit status 1' }, 'refused', 'model_not_available', 'deployment', { model: 'smart' }],
    ['runner died', 500, { error: 'model runner has unexpectedly stopped, this may be due to resource limitations' }, 'ambiguous', 'upstream_error', 'host', {}],
    ['markup', 500, '<html>stack</html>', 'ambiguous', 'upstream_error', 'host', {}],
    ['bad gateway', 502, '<html>', 'ambiguous', 'upstream_error', 'host', {}],
    ['gateway timeout', 504, '', 'ambiguous', 'upstream_timeout', 'host', {}],
    ['request timeout', 408, { error: { code: 408, message: 'timed out' } }, 'ambiguous', 'upstream_timeout', 'host', {}],
    ['wrong method', 405, '405 method not allowed', 'misconfigured', 'upstream_error', 'nobody', {}],
    ['markup for a client error', 413, '<html>413</html>', 'caller', 'upstream_rejected', 'nobody', { reason: 'it gave no reason' }],
  ])('%s', (_name, status, body, kind, code, blames, words) => {
    expect(from(status, body)).toMatchObject({ class: kind, code, blames, words })
  })

  it('keeps secrets out of every field', () => {
    const seen = JSON.stringify([400, 404, 429, 500, 503].map((status) => from(status, { error: `sk-verysecret at http://10.0.0.1 ${'model'}` })))
    expect(seen).not.toMatch(/sk-verysecret|10\.0\.0\.1/)
  })

  it('lets a refusal say when to come back', () => {
    expect(from(503, {}, { 'retry-after': '7' }).retryAfterMs).toBe(7_000)
    expect(from(429, {}, { 'retry-after-ms': '150' }).retryAfterMs).toBe(150)
    expect(from(500, {}, { 'retry-after': '7' }).retryAfterMs).toBeNull()
  })
})

describe('an error inside a 200 answer', () => {
  it('counts as its own status when it has one', () => {
    expect(failureFromReply({ status: 429, body: { error: { code: 429, message: 'slow' } } }, CONTEXT)).toMatchObject({ class: 'refused' })
    expect(failureFromReply({ status: 502, body: {} }, CONTEXT)).toMatchObject({ class: 'ambiguous', code: 'upstream_error' })
    expect(failureFromReply({ status: null, body: { error: 'unexpected EOF' } }, CONTEXT)).toMatchObject({ class: 'ambiguous', blames: 'host' })
  })

  it('is a cut after the first event, without asking the caller to change anything', () => {
    expect(afterFirstEvent(callerFailure('x', 'y', CONTEXT))).toMatchObject({ class: 'cut', code: 'upstream_error', words: {} })
  })
})

describe('retry-after', () => {
  it.each([
    [{}, null], [{ 'retry-after': '0' }, 0], [{ 'retry-after': '2' }, 2_000], [{ 'retry-after': '1.5' }, 1_500],
    [{ 'retry-after': '99999' }, 3_600_000], [{ 'retry-after': '-5' }, null], [{ 'retry-after': 'soon' }, null], [{ 'retry-after': '2x' }, null],
    [{ 'retry-after': 'Fri, 20 Nov 2026 12:00:30 GMT' }, 30_000], [{ 'retry-after': 'Fri, 20 Nov 2020 12:00:00 GMT' }, 0],
    [{ 'retry-after': '9', 'retry-after-ms': '20' }, 20], [{ 'retry-after': '9', 'retry-after-ms': 'x' }, 9_000], [{ 'retry-after': ['3', '4'] }, 3_000],
  ])('%j is %p ms', (headers, ms) => {
    expect(retryAfterMs(headers as Record<string, string>, NOW)).toBe(ms)
  })
})

describe('scrub', () => {
  it.each([
    ['Incorrect API key provided: sk-ab***xyz.', /sk-ab/],
    ['see https://internal.example/path?q=1', /internal/],
    ['dial tcp 10.1.2.3:11434: refused', /10\.1/],
    ['dial tcp [fe80::1:2:3]:80', /fe80/],
    ['open /root/.ollama/models/blobs/sha256-abc: no such file', /ollama|root/],
    ['C:\\Users\\me\\models\\x.gguf', /Users/],
    ['token 0123456789abcdef0123456789abcdef0', /0123456789abcdef/],
    ['Authorization: Bearer abc.def', /abc\.def/],
    ['organization org-AbCdEf12345', /AbCdEf/],
    ['line\nbreak\u2028and\u0000nul', /[\n\u2028\u0000]/],
    ['the model say:7b is here', /say:7b/],
  ])('%j', (text, leak) => {
    expect(scrub(text, { secret: null, model: 'say:7b' })).not.toMatch(leak)
  })

  it('takes at most 200 characters and never nothing', () => {
    expect(scrub('word '.repeat(500), { secret: null, model: 'say' })).toHaveLength(200)
    expect(scrub('  ', { secret: null, model: 'say' })).toBe('it gave no reason')
  })

  it('leaves an ordinary sentence alone', () => {
    const sentence = "'temperature' must be between 0 and 2 and max_tokens at most 4096, got 1.5/3.5"
    expect(scrub(sentence, { secret: 'sk-1234567', model: 'gpt-4o' })).toBe(sentence)
  })

  it('is quick on hostile text', () => {
    for (const unit of ['<', 'a.', 'a-', '/a', '[0:', '1.', 'x@', 'a:']) scrub(unit.repeat(100_000), { secret: null, model: 'm1' })
  })
})
