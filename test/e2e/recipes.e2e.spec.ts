import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { usageOf } from './evidence'
import { parseSse, SURFACES } from './surfaces'

const ROOT = join(__dirname, '../..')
const { url: redisUrl } = redisTargets().at(-1)!
const WORDS = 'w1 w2 w3 w4 w5 w6 w7 w8 w9 w10'

/** A fenced block: what it is in, what its fence says, where it stands. */
interface Block {
  readonly language: string
  readonly name: string
  readonly title: string
  readonly text: string
}

function blocksOf(file: string): Block[] {
  const blocks: Block[] = []
  let title = ''
  for (const part of readFileSync(join(ROOT, file), 'utf8').split(/^(?=```|## )/m)) {
    if (part.startsWith('## ')) title = /^## (.*)/.exec(part)![1]!
    const [, language, name = '', text] = /^```(\w+)(?: (\S+))?\n([\s\S]*)/.exec(part) ?? []
    if (language) blocks.push({ language, name, title, text: text! })
  }
  return blocks
}

const blocks = blocksOf('RECIPES.md')
const named = (name: string) => blocks.find((block) => block.name === name)!.text
/** Settings of a block, as a shell or docker would read them. */
const settings = (text: string, env: Record<string, string>) =>
  Object.fromEntries([...text.matchAll(/(?:export |-e )(\w+)=(\S+)/g)].map(([, name, value]) => [name!, value!.replace(/\$(\w+)/g, (_all, variable: string) => env[variable]!)]))

jest.setTimeout(120_000)

describe('RECIPES.md and the first call of README.md', () => {
  let stack: Stack
  let tenant: SeededTenant
  let env: Record<string, string>
  beforeAll(async () => {
    stack = await startStack({ redisUrl, hosts: [{ name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['llama3.2'], defaults: { gap: 1 } }], env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
  })
  beforeEach(async () => {
    tenant = await stack.addTenant({ tier: 'enterprise' })
    env = { TOLLGATE_URL: stack.url, TOLLGATE_KEY: tenant.key }
    await stack.sandbox.host('ollama-us').reset()
  })
  afterAll(() => stack.stop())

  const start = (command: string, args: readonly string[], more: Record<string, string> = {}) => {
    const child = spawn(command, args, { cwd: ROOT, env: { PATH: process.env.PATH, ...env, ...more }, stdio: ['ignore', 'pipe', 'pipe'] })
    const heard = { out: '', error: '' }
    child.stdout.on('data', (chunk: Buffer) => (heard.out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (heard.error += chunk.toString()))
    return { child, heard, ended: once(child, 'close').then(([code]) => ({ code: code as number, ...heard })) }
  }
  const run = async (command: string, args: readonly string[], more?: Record<string, string>) => {
    const { code, out, error } = await start(command, args, more).ended
    expect({ code, error }).toEqual({ code: 0, error: '' })
    return out
  }
  const node = (text: string, more?: Record<string, string>) => run(process.execPath, ['--input-type=module', '--eval', text], more)
  const shell = (text: string, more?: Record<string, string>) => run('bash', ['-euc', text], more)
  /** Calls this tenant was billed for. */
  const billed = async () => {
    await stack.settled()
    return (await usageOf(stack.owner, tenant.id)).filter(({ status }) => status === 'completed').length
  }
  const get = async (url: string, headers: Record<string, string>) => {
    const answer = await fetch(url, { headers })
    expect(answer.status).toBe(200)
    return (await answer.json()) as Record<string, unknown>
  }
  const post = (url: string, body: object, headers: Record<string, string>) => fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })
  const hear = (path: string, text: string) => SURFACES.find((surface) => surface.path === path)!.hear(text)

  // The two of tools are run by tools-process.e2e.spec.ts, with servers on this machine.
  it('have no block that is not run here', () => {
    expect(blocks.map(({ language, name, title }) => `${title}: ${language} ${name}`.trim())).toEqual([
      ': sh', 'OpenAI SDK: js', 'Anthropic SDK: js', 'Ollama’s client: js'.replace('’', "'"), "Ollama's command line (`OLLAMA_HOST`): js relay.mjs", "Ollama's command line (`OLLAMA_HOST`): sh ollama", 'Open WebUI: sh open-webui',
      'LangChain: js', 'Vercel AI SDK: js', 'Claude Code, and agents like it: sh claude-code', 'Codex, and agents like it: toml codex', 'Tools for a model, from MCP servers: yaml mcp', 'Tools for a model, from MCP servers: json mcp-model', 'curl: sh', 'Moving from OpenAI or Anthropic: js moved', 'Moving from OpenAI or Anthropic: sh savings',
    ])
    expect(Object.keys(settings(blocks[0]!.text, {}))).toEqual(['TOLLGATE_URL', 'TOLLGATE_KEY'])
    expect(readFileSync(join(ROOT, 'README.md'), 'utf8')).toContain('(RECIPES.md)')
  })

  it.each([['OpenAI SDK', 2], ['Anthropic SDK', 2], ["Ollama's client", 1], ['LangChain', 2], ['Vercel AI SDK', 1]])('%s: runs as it stands, and is billed', async (title, calls) => {
    const out = await node(blocks.find((block) => block.title === title)!.text)
    expect(out.split(WORDS).length - 1).toBeGreaterThanOrEqual(calls)
    expect(await billed()).toBe(calls)
  })

  it('curl: runs as it stands', async () => {
    const out = await shell(blocks.find(({ title }) => title === 'curl')!.text)
    expect(out).toContain(`"content":"${WORDS}"`)
    expect(out.trim()).toMatch(/data: \[DONE\]$/)
    expect(await billed()).toBe(2)
  })

  it('Ollama’s command line: the relay runs, and `list`, `run` and what follows are the calls it makes', async () => {
    const relay = start(process.execPath, ['--input-type=module', '--eval', named('relay.mjs')], { RELAY_PORT: '0' })
    try {
      await Promise.race([once(relay.child.stdout!, 'data'), relay.ended])
      expect(named('relay.mjs')).toContain(`?? ${new URL(settings(named('ollama'), {}).OLLAMA_HOST!).port}`)
      const host = `http://127.0.0.1:${/relay on (\d+)/.exec(relay.heard.out)![1]}`
      const beat = await fetch(`${host}/`, { method: 'HEAD' })
      expect(beat.status).toBe(200)
      expect(await (await fetch(host)).text()).toBe('Ollama is running')
      expect(await get(`${host}/api/tags`, {})).toMatchObject({ models: [{ name: 'llama3.2:latest', digest: expect.any(String), size: expect.any(Number), modified_at: expect.any(String) }] })
      expect(await (await post(`${host}/api/show`, { model: 'llama3.2', name: 'llama3.2' }, {})).json()).toMatchObject({ details: expect.any(Object), capabilities: expect.any(Array) })
      expect(await (await post(`${host}/api/generate`, { model: 'llama3.2', prompt: '', stream: false }, {})).json()).toMatchObject({ done: true, done_reason: 'load' })
      const said = await post(`${host}/api/chat`, { model: 'llama3.2', messages: [{ role: 'user', content: 'Hello' }], format: null, options: {}, keep_alive: '5m0s' }, {})
      expect(said.headers.get('content-type')).toContain('application/x-ndjson')
      expect(hear('/api/chat', await said.text())).toMatchObject({ text: WORDS, end: 'whole' })
      const once_ = await post(`${host}/api/generate`, { model: 'llama3.2', prompt: 'Hello', suffix: '', system: '', template: '', context: null, options: {} }, {})
      expect(hear('/api/generate', await once_.text())).toMatchObject({ text: WORDS, end: 'whole' })
      expect((await post(`${host}/api/pull`, { model: 'llama3.2' }, {})).status).toBe(403)
      expect(await billed()).toBe(2)
    } finally {
      relay.child.kill()
      await relay.ended
    }
  })

  it('Open WebUI as an OpenAI connection: lists models, chats with a stream, names the chat without one', async () => {
    const { OPENAI_API_BASE_URL: base, OPENAI_API_KEY: key } = settings(named('open-webui'), env)
    const headers = { authorization: `Bearer ${key}` }
    const { data } = await get(`${base}/models`, headers)
    expect(data).toMatchObject([{ id: 'llama3.2', object: 'model', owned_by: expect.any(String) }])
    const chat = await post(`${base}/chat/completions`, { stream: true, model: 'llama3.2', messages: [{ role: 'system', content: 'You help.' }, { role: 'user', content: 'Hello' }], stream_options: { include_usage: true } }, headers)
    expect(hear('/v1/chat/completions', await chat.text())).toMatchObject({ text: WORDS, end: 'whole' })
    const title = await post(`${base}/chat/completions`, { model: 'llama3.2', messages: [{ role: 'user', content: 'A title for this chat.' }], stream: false, max_completion_tokens: 1000 }, headers)
    expect(await title.json()).toMatchObject({ choices: [{ message: { content: WORDS } }] })
    expect(await billed()).toBe(2)
  })

  it('Open WebUI as an Ollama connection: version, tags, what is loaded, a model’s card, a chat line by line, its name in one piece', async () => {
    const headers = { authorization: `Bearer ${env.TOLLGATE_KEY}` }
    expect(await get(`${env.TOLLGATE_URL}/api/version`, headers)).toEqual({ version: expect.stringMatching(/^\d+\.\d+\.\d+$/) })
    expect(await get(`${env.TOLLGATE_URL}/api/tags`, headers)).toMatchObject({ models: [{ model: 'llama3.2:latest', details: expect.any(Object) }] })
    expect(await get(`${env.TOLLGATE_URL}/api/ps`, headers)).toEqual({ models: [] })
    expect(await (await post(`${env.TOLLGATE_URL}/api/show`, { model: 'llama3.2:latest' }, headers)).json()).toMatchObject({ capabilities: expect.arrayContaining(['completion']), model_info: expect.any(Object), details: { family: expect.any(String) } })
    const user = { ...headers, 'x-openwebui-user-name': 'Ada', 'x-openwebui-user-role': 'admin' }
    const chat = await post(`${env.TOLLGATE_URL}/api/chat`, { model: 'llama3.2:latest', messages: [{ role: 'system', content: 'You help.' }, { role: 'user', content: 'Hello' }], options: { temperature: 0.7, num_ctx: 8_192 }, keep_alive: '5m', think: false, stream: true }, user)
    expect(chat.headers.get('content-type')).toContain('application/x-ndjson')
    const text = await chat.text()
    expect(hear('/api/chat', text)).toMatchObject({ text: WORDS, end: 'whole' })
    // It shows the pace of an answer from these.
    expect(JSON.parse(text.trim().split('\n').at(-1)!)).toMatchObject({ eval_count: expect.any(Number), eval_duration: expect.any(Number), prompt_eval_count: expect.any(Number), total_duration: expect.any(Number) })
    const title = await post(`${env.TOLLGATE_URL}/api/chat`, { model: 'llama3.2:latest', messages: [{ role: 'user', content: 'A title for this chat.' }], options: {}, stream: false }, user)
    expect(await title.json()).toMatchObject({ message: { role: 'assistant', content: WORDS }, done: true })
    // Unloading a model is the operator's; the button gets an answer that it understands.
    expect(await (await post(`${env.TOLLGATE_URL}/api/generate`, { model: 'llama3.2:latest', keep_alive: 0, prompt: '' }, headers)).json()).toMatchObject({ done: true, response: '' })
    expect(await billed()).toBe(2)
  })

  it('Claude Code: counts, then streams with its beta query, headers and fields, and runs a tool', async () => {
    const { ANTHROPIC_BASE_URL: base, ANTHROPIC_AUTH_TOKEN: token, ANTHROPIC_MODEL: model, ANTHROPIC_DEFAULT_HAIKU_MODEL: small } = settings(named('claude-code'), env)
    const headers = { authorization: `Bearer ${token}`, 'anthropic-version': '2023-06-01', 'anthropic-beta': 'claude-code-20250219,interleaved-thinking-2025-05-14', 'x-app': 'cli', 'user-agent': 'claude-cli/2.1 (external, cli)' }
    const cached = { cache_control: { type: 'ephemeral' } }
    const tools = [{ name: 'Bash', description: 'Runs a command', input_schema: { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false } }]
    const body = (messages: object[], more: object = {}) => ({
      model, max_tokens: 32_000, stream: true, messages, tools, metadata: { user_id: 'user_x_account__session_y' }, thinking: { type: 'adaptive' }, context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] }, output_config: { effort: 'high' },
      system: [{ type: 'text', text: 'You are an agent.', ...cached }, { type: 'text', text: 'Be brief.', ...cached }], ...more,
    })
    const first = [{ role: 'user', content: [{ type: 'text', text: '<system-reminder>Context</system-reminder>' }, { type: 'text', text: 'one two', ...cached }] }]
    const count = await post(`${base}/v1/messages/count_tokens?beta=true`, { model, messages: first, tools }, headers)
    expect(await count.json()).toEqual({ input_tokens: expect.any(Number) })
    expect((await post(`${base}/v1/messages?beta=true`, { model: small, max_tokens: 1, messages: [{ role: 'user', content: 'quota' }], metadata: { user_id: 'x' } }, headers)).status).toBe(200)
    await stack.sandbox.host('ollama-us').set('tool')
    const events = parseSse(await (await post(`${base}/v1/messages?beta=true`, body(first), headers)).text()).map(({ data }) => JSON.parse(data) as Record<string, never>)
    expect(events.at(-1)).toEqual({ type: 'message_stop' })
    const { id, name } = events.map((event) => event.content_block as { type: string; id: string; name: string } | undefined).find((block) => block?.type === 'tool_use')!
    const second = [...first, { role: 'assistant', content: [{ type: 'tool_use', id, name, input: { city: 'Paris' } }] }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: '21 degrees', is_error: false, ...cached }] }]
    expect(hear('/v1/messages', await (await post(`${base}/v1/messages?beta=true`, body(second), headers)).text())).toMatchObject({ end: 'whole', text: expect.stringMatching(/w1/) })
    expect(JSON.stringify(stack.sandbox.host('ollama-us').log().at(-1)!.body)).toContain('21 degrees')
    expect(await billed()).toBe(3)
  })

  it('Codex: streams responses with its fields and runs a function, the whole history each time', async () => {
    const value = (key: string) => new RegExp(`^${key} = "(.*)"$`, 'm').exec(named('codex'))![1]!
    expect([value('wire_api'), value('model_provider'), named('codex').includes(`[model_providers.${value('model_provider')}]`)]).toEqual(['responses', 'tollgate', true])
    const base = value('base_url').replace('http://localhost:8080', stack.url)
    const headers = { authorization: `Bearer ${env[value('env_key')]}`, accept: 'text/event-stream', originator: 'codex_cli_rs', session_id: '0199' }
    const tools = Array.from({ length: 9 }, (_, i) => ({ type: 'function', name: i === 0 ? 'shell' : `tool_${i}`, description: 'x'.repeat(3_500), strict: false, parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false } }))
    const ask = async (input: object[]) => {
      const answer = await post(`${base}/responses`, { model: value('model'), instructions: 'You are an agent.', input, tools, tool_choice: 'auto', parallel_tool_calls: false, reasoning: null, store: false, stream: true, include: [], prompt_cache_key: '0199', client_metadata: { originator: 'codex' } }, headers)
      expect(answer.status).toBe(200)
      const events = parseSse(await answer.text()).map(({ data }) => JSON.parse(data) as { type: string; response?: { output: Record<string, unknown>[]; usage: object } })
      expect(events[0]!.type).toBe('response.created')
      expect(events.at(-1)).toMatchObject({ type: 'response.completed', response: { usage: { input_tokens: expect.any(Number), total_tokens: expect.any(Number) } } })
      return events.at(-1)!.response!.output
    }
    const question = [{ type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Rules.' }] }, { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'one two' }] }]
    await stack.sandbox.host('ollama-us').set('tool')
    const [call] = await ask(question)
    expect(call).toMatchObject({ type: 'function_call', name: 'shell', arguments: '{"city":"Paris"}', call_id: expect.any(String) })
    const [said] = await ask([...question, call!, { type: 'function_call_output', call_id: call!.call_id, output: '21 degrees' }])
    expect(said).toMatchObject({ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: expect.stringMatching(/w1/) }] })
    expect(JSON.stringify(stack.sandbox.host('ollama-us').log().at(-1)!.body)).toContain('21 degrees')
    expect(await billed()).toBe(2)
  })

  it('moving: both SDKs by their own variables, and the price comparison of exactly those tokens', async () => {
    expect(named('moved').match(/\/\/ (.*)/)![1]).toBe('OPENAI_BASE_URL=$TOLLGATE_URL/v1 OPENAI_API_KEY=$TOLLGATE_KEY ANTHROPIC_BASE_URL=$TOLLGATE_URL ANTHROPIC_API_KEY=$TOLLGATE_KEY')
    const moved = settings(named('moved').match(/\/\/ (.*)/)![1]!.replace(/(^| )(?=\w+=)/g, ' export '), env)
    expect(Object.keys(moved)).toHaveLength(4)
    expect((await node(named('moved'), moved)).split(WORDS)).toHaveLength(3)
    expect(await billed()).toBe(2)
    const report = JSON.parse(await shell(named('savings'))) as { total: { cost: string }; savings: Record<string, { cost: string; saved: string; input_per_million: string; output_per_million: string; as_of: string }> }
    const [input, output] = (await usageOf(stack.owner, tenant.id)).reduce(([a, b], row) => [a! + row.prompt_tokens, b! + row.completion_tokens], [0, 0]) as [number, number]
    expect(Object.keys(report.savings)).toEqual(['gpt-4-class', 'claude-sonnet-class'])
    for (const { cost, saved, input_per_million, output_per_million, as_of } of Object.values(report.savings)) {
      const nano = (text: string) => Math.round(Number(text) * 1e9)
      expect(nano(cost)).toBe(Math.round(input * Number(input_per_million) * 1000 + output * Number(output_per_million) * 1000))
      expect(nano(saved)).toBe(nano(cost) - nano(report.total.cost))
      expect(as_of).toMatch(/^\d{4}-\d\d-\d\d$/)
    }
  })

  it('README.md: the first call, in a shell and in TypeScript', async () => {
    const local = (text: string) => text.replaceAll('http://localhost:8080', stack.url).replaceAll('localhost:8080', stack.url).replace(/^KEY=.*$/m, `KEY=${tenant.key}`)
    const [inShell, inScript] = blocksOf('README.md').filter(({ title }) => title === 'The first call')
    const out = await shell(local(inShell!.text).replaceAll(/\bcurl /g, 'curl -fsS '))
    expect(out).toContain(`"response":"${WORDS}"`)
    expect(out).toContain('data: [DONE]')
    expect(out).toContain('"models":[')
    expect(out).toContain('"model_usage":{')
    await node(local(inScript!.text), { KEY: tenant.key })
    expect(await billed()).toBe(3)
  })
})
