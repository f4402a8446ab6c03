import { redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { embeddingList, errorBody, responseObject } from './openai-shapes'
import { parameterTable } from './parameters-fixture'
import { parseSse } from './surfaces'

const { url: redisUrl } = redisTargets().at(-1)!
const TOOLS = [{ type: 'function', name: 'get_weather', parameters: { type: 'object', properties: {} } }]
const SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }

interface Sample {
  readonly value: unknown
  readonly beside?: object
  /** What a host hears of it, where the words of chat completions are others. */
  readonly heard?: object
}

/** A value of each parameter that it is legal to send, and what must go with it. */
const RESPONSES: Readonly<Record<string, Sample>> = {
  model: { value: 'gpt-4o-mini' }, input: { value: [{ role: 'user', content: [{ type: 'input_text', text: 'one two' }] }] }, instructions: { value: 'be brief' }, stream: { value: false },
  max_output_tokens: { value: 4 }, tools: { value: TOOLS }, include: { value: ['reasoning.encrypted_content', 'web_search_call.action.sources'] },
  temperature: { value: 0.3 }, top_p: { value: 0.5 }, parallel_tool_calls: { value: false, beside: { tools: TOOLS } },
  tool_choice: { value: { type: 'function', name: 'get_weather' }, beside: { tools: TOOLS }, heard: { tool_choice: { type: 'function', function: { name: 'get_weather' } } } },
  reasoning: { value: { effort: 'low', summary: 'auto' }, heard: { reasoning_effort: 'low' } },
  text: { value: { verbosity: 'low', format: { type: 'json_schema', name: 'answer', schema: SCHEMA, strict: true } }, heard: { verbosity: 'low', response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: SCHEMA, strict: true } } } },
  top_logprobs: { value: 2, heard: { logprobs: true, top_logprobs: 2 } },
  metadata: { value: { a: 'b' } }, store: { value: true }, service_tier: { value: 'auto' }, user: { value: 'ada' }, safety_identifier: { value: 'a1' }, prompt_cache_key: { value: 'k' }, prompt_cache_options: { value: {} },
  prompt_cache_retention: { value: '24h' }, stream_options: { value: { include_obfuscation: false } }, max_tool_calls: { value: 3 }, client_metadata: { value: { originator: 'codex' } }, truncation: { value: 'auto' }, context_management: { value: [{ type: 'compaction' }] },
  previous_response_id: { value: 'resp_1' }, conversation: { value: 'conv_1' }, background: { value: true }, prompt: { value: { id: 'pmpt_1' } }, moderation: { value: { model: 'omni' } },
}
const EMBEDDINGS: Readonly<Record<string, Sample>> = { model: { value: 'embed-eu' }, input: { value: ['one', 'two'] }, encoding_format: { value: 'base64' }, dimensions: { value: 8 }, user: { value: 'ada' } }

/** All that a request without fault is told: that no model answered. */
const ONLY_SANDBOX = [expect.stringContaining('is a sandbox host')]
const namesOf = (path: string, treatment: string) => parameterTable(path).filter((row) => row.treatment === treatment).map(({ name }) => name)

describe('every parameter of OpenAI’s responses and embeddings is treated as the README says', () => {
  let stack: Stack
  let tenant: SeededTenant
  beforeAll(async () => {
    stack = await startStack({ redisUrl, hosts: [{ name: 'openai-eu', region: 'eu-west', dialect: 'openai', models: ['gpt-4o-mini', 'embed-eu'], defaults: { gap: 0 } }], env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    tenant = await stack.addTenant({ tier: 'enterprise' })
  })
  afterEach(() => stack.sandbox.host('openai-eu').reset())
  afterAll(() => stack?.stop())

  const upstream = () => stack.sandbox.host('openai-eu')
  const asked = () => upstream().log().filter(({ method }) => method === 'POST')
  const heard = () => asked().at(-1)!.body as Record<string, unknown>

  describe('/v1/responses', () => {
    const path = '/v1/responses'
    const post = (body: object) => stack.post(path, tenant.key, { model: 'gpt-4o-mini', input: 'one two', ...body })
    const send = (name: string) => post({ ...RESPONSES[name]!.beside, [name]: RESPONSES[name]!.value })
    const whole = async (response: Response) => {
      const body = await response.json()
      expect({ status: response.status, body }).toEqual({ status: 200, body: expect.anything() })
      return responseObject.parse(body) as unknown as { output: object[]; warnings: string[]; incomplete_details: unknown; store: boolean; truncation: string }
    }
    const lastOf = (stream: string): unknown => JSON.parse(parseSse(stream).at(-1)!.data)
    /** An answer's own ids are its own. */
    const said = ({ output }: { output: object[] }) => output.map((item) => ({ ...item, id: '' }))

    it('the table names every parameter once, and this spec has a sample of each', () => {
      expect(parameterTable(path).map(({ name }) => name).sort()).toEqual(Object.keys(RESPONSES).sort())
    })

    it.each(namesOf(path, 'passed'))('%s is passed on, in the words of chat completions', async (name) => {
      if (name === 'tool_choice') await upstream().set('tool')
      expect((await whole(await send(name))).warnings).toEqual(ONLY_SANDBOX)
      expect(heard()).toMatchObject(RESPONSES[name]!.heard ?? { [name]: RESPONSES[name]!.value })
    })

    it.each(namesOf(path, 'governed'))('%s is taken', async (name) => expect((await whole(await send(name))).warnings).toEqual(ONLY_SANDBOX))

    it('max_output_tokens cuts an upstream that ignores it, and the response says so', async () => {
      await upstream().set('endless')
      expect(lastOf(await (await post({ max_output_tokens: 4, stream: true })).text())).toMatchObject({ type: 'response.incomplete', response: { incomplete_details: { reason: 'max_output_tokens' }, output: [{ content: [{ text: 'w1 w2 w3 w4' }] }] } })
    })

    it.each(namesOf(path, 'ignored'))('%s is ignored: the answer is the same, and no provider hears of it', async (name) => {
      const [plain, answer] = [await whole(await post({})), await whole(await send(name))]
      expect([said(answer), answer.warnings, answer.store, answer.truncation]).toEqual([said(plain), ONLY_SANDBOX, false, 'disabled'])
      expect(heard()).not.toHaveProperty(name)
    })

    it.each(namesOf(path, 'refused'))('%s is an error that names it, and nothing is sent', async (name) => {
      const response = await send(name)
      expect(response.status).toBe(400)
      expect(errorBody.parse(await response.json()).error).toMatchObject({ code: 'unsupported_parameter', param: name, type: 'invalid_request_error', message: expect.stringContaining(name) })
      expect(asked()).toEqual([])
    })

    it.each([{ previous_response_id: '' }, { background: false }, { conversation: null }, { prompt: null }, { top_logprobs: 0 }, { include: [] }, { reasoning: null }, { text: {} }])('%j says nothing, and is taken', async (more) => {
      expect((await whole(await post(more))).warnings).toEqual(ONLY_SANDBOX)
      expect(Object.keys(heard())).not.toEqual(expect.arrayContaining([expect.stringMatching(/logprobs|reasoning|format/)]))
    })

    it.each([
      [{ tool_choice: 'required' }, 'tool_choice'], [{ tool_choice: 'required', tools: [{ type: 'web_search' }] }, 'tool_choice'], [{ tool_choice: { type: 'function', name: 'other' }, tools: TOOLS }, 'tool_choice'],
      [{ tool_choice: { type: 'web_search' }, tools: TOOLS }, 'tool_choice'], [{ tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [] }, tools: TOOLS }, 'tool_choice'],
      [{ reasoning: { effort: 'enormous' } }, 'reasoning'], [{ text: { format: { type: 'json_schema', name: 'x' } } }, 'text'], [{ text: { format: { type: 'yaml' } } }, 'text'],
      [{ top_logprobs: 21 }, 'top_logprobs'], [{ max_output_tokens: 0 }, 'max_output_tokens'], [{ temperature: 3 }, 'temperature'], [{ include: 'all' }, 'include'],
    ])('%j is a 400 that names %s', async (more, param) => {
      const response = await post(more)
      expect(response.status).toBe(400)
      expect(errorBody.parse(await response.json()).error).toMatchObject({ param, type: 'invalid_request_error' })
    })

    it('tools of OpenAI’s own and fields in no list are left out and named in warnings, streamed and not', async () => {
      const more = { tools: [...TOOLS, { type: 'web_search' }], max_token: 5 }
      const warnings = [expect.stringContaining('web_search'), expect.stringContaining('"max_token"'), ...ONLY_SANDBOX]
      expect((await whole(await post(more))).warnings).toEqual(warnings)
      expect(lastOf(await (await post({ ...more, stream: true })).text())).toMatchObject({ type: 'response.completed', response: { warnings } })
      expect(heard()).not.toHaveProperty('max_token')
    })
  })

  describe('/v1/embeddings', () => {
    const path = '/v1/embeddings'
    const post = (body: object) => stack.post(path, tenant.key, { model: 'embed-eu', input: 'one two', ...body })
    const whole = async (response: Response) => embeddingList.parse(await response.json())

    it('the table names every parameter once, and this spec has a sample of each', () => {
      expect(parameterTable(path).map(({ name }) => name).sort()).toEqual(Object.keys(EMBEDDINGS).sort())
    })

    it.each(Object.keys(EMBEDDINGS))('%s is taken, and no provider hears who asks', async (name) => {
      expect((await whole(await post({ [name]: EMBEDDINGS[name]!.value }))).warnings).toEqual(ONLY_SANDBOX)
      expect(heard()).not.toHaveProperty('user')
      if (name === 'dimensions') expect(heard().dimensions).toBe(8)
    })

    it('a field in no list is ignored and named in a warning', async () => {
      expect((await whole(await post({ truncate: true }))).warnings).toEqual([expect.stringContaining('"truncate"'), ...ONLY_SANDBOX])
      expect(heard()).not.toHaveProperty('truncate')
    })
  })
})
