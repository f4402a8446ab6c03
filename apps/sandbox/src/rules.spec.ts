import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { machineClock } from './clock'
import { startSandbox, type LogEntry, type Sandbox, type SandboxHost } from './index'
import { Journal } from './journal'
import { call, eventually, hear } from './testing/caller'

const messages = [{ role: 'user', content: 'one two three' }]
const folder = mkdtempSync(join(tmpdir(), 'sandbox-'))
const logFile = join(folder, 'log.jsonl')
let sandbox: Sandbox
let host: SandboxHost
let openai: SandboxHost

beforeAll(async () => {
  sandbox = await startSandbox({
    logFile,
    hosts: [
      { name: 'eu', region: 'eu-west', dialect: 'ollama', models: ['phi3', 'llama3.2'] },
      { name: 'cloud', region: 'us-east', dialect: 'openai', models: ['gpt-4o'], apiKey: 'secret' },
      {
        name: 'demo',
        region: 'asia-pacific',
        dialect: 'ollama',
        models: ['phi3'],
        announce: true,
        defaults: { gap: 0 },
      },
    ],
  })
  host = sandbox.host('eu')
  openai = sandbox.host('cloud')
})
beforeEach(() => Promise.all(sandbox.hosts.map((each) => each.reset())))
afterAll(async () => {
  await sandbox.close()
  rmSync(folder, { recursive: true })
})

const chat = (model: string, more: object = {}): object => ({ model, messages, ...more })
const last = (of: SandboxHost): LogEntry => of.log().at(-1) as LogEntry

describe('abort', () => {
  test('the writer stops as soon as the caller is gone, and the log holds what was written', async () => {
    const heard = await hear(`${host.baseUrl}/api/chat`, chat('sim-endless@gap=2'), {
      until: (text) => text.includes(' w7'),
    })
    await eventually(() => last(host).end !== null)
    const lines = heard.body.split('\n').filter((line) => line !== '').length
    const entry = last(host)
    expect(entry.end).toBe('aborted')
    expect(entry.completion_tokens).toBeGreaterThanOrEqual(lines)
    expect(entry.completion_tokens).toBeLessThanOrEqual(lines + 2)
    expect(host.stats()).toMatchObject({ active: 0, aborted: 1, completed: 0, wasted_tokens: 0 })
  })

  test('an endless answer without gaps waits for its reader and ends with him', async () => {
    const { opened, hangUp } = call(`${host.baseUrl}/api/chat`, chat('sim-endless@gap=0'))
    const response = await opened
    response.pause()
    let before = -1
    await eventually(() => {
      const isStill = last(host).bytes === before
      before = last(host).bytes
      return isStill && before > 0
    })
    hangUp()
    await eventually(() => last(host).end === 'aborted')
    expect(last(host).bytes).toBeLessThan(64 * 1024 * 1024)
  })

  test('a whole body left before its first byte books nothing', async () => {
    const { heard, hangUp } = call(`${host.baseUrl}/api/chat`, chat('sim-ok@gap=1000', { stream: false }))
    await eventually(() => host.stats().active === 1 && last(host).model !== '')
    hangUp()
    await heard
    await eventually(() => last(host).end === 'aborted')
    expect(last(host)).toMatchObject({ status: null, completion_tokens: 0, bytes: 0 })
  })

  test('ignores-abort goes on and reports the waste', async () => {
    await hear(`${host.baseUrl}/api/chat`, chat('sim-ignores-abort@gap=1'), { until: (text) => text.includes(' w3') })
    await eventually(() => last(host).end === 'aborted' && last(host).generated_tokens === 11)
    expect(host.stats().wasted_tokens).toBe(11 - last(host).completion_tokens)
  })
})

describe('log', () => {
  test('counts tokens, bytes and the request id exactly', async () => {
    const tools = [{ type: 'function', function: { name: 'f' } }]
    const body = chat('sim-ok@gap=0', { tools, stream: true })
    const heard = await hear(`${host.baseUrl}/api/chat`, body, { headers: { 'x-request-id': 'r-1' } })
    expect(heard.headers['x-request-id']).toBe('r-1')
    expect(last(host)).toMatchObject({
      host: 'eu',
      method: 'POST',
      path: '/api/chat',
      model: 'sim-ok@gap=0',
      behaviour: 'ok',
      request_id: 'r-1',
      body,
      end: 'completed',
      status: 200,
      prompt_tokens: 3 + 3 + 8,
      completion_tokens: 11,
      generated_tokens: 11,
      bytes: Buffer.byteLength(heard.body),
    })
    const final = JSON.parse(heard.body.trim().split('\n').at(-1) ?? '') as Record<string, unknown>
    expect(final).toMatchObject({ prompt_eval_count: 14, eval_count: 11, done_reason: 'stop' })
  })

  test('is written to the file as one line an ended request', async () => {
    await hear(`${host.baseUrl}/api/chat`, chat('phi3'), { headers: { 'x-request-id': 'to-file' } })
    await eventually(() => readFileSync(logFile, 'utf8').includes('to-file'))
    const lines = readFileSync(logFile, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as LogEntry)
    expect(lines.find((entry) => entry.request_id === 'to-file')).toMatchObject({
      end: 'completed',
      completion_tokens: 11,
    })
  })

  test('a limit cuts the words and is the count', async () => {
    await hear(`${host.baseUrl}/api/chat`, chat('phi3', { options: { num_predict: 4 } }))
    expect(last(host)).toMatchObject({ completion_tokens: 4, end: 'completed' })
    const headers = { authorization: 'Bearer secret' }
    const heard = await hear(`${openai.baseUrl}/v1/chat/completions`, chat('gpt-4o', { max_completion_tokens: 2 }), {
      headers,
    })
    expect(JSON.parse(heard.body)).toMatchObject({
      choices: [{ message: { content: 'w1 w2' }, finish_reason: 'length' }],
      usage: { prompt_tokens: 6, completion_tokens: 2, total_tokens: 8 },
    })
  })
})

describe('control', () => {
  test('over HTTP tells and sets the same', async () => {
    await hear(`${host.baseUrl}/__sim/set`, { behaviour: 'busy' })
    expect((await hear(`${host.baseUrl}/api/chat`, chat('phi3'))).status).toBe(503)
    expect((await hear(`${host.baseUrl}/api/tags`)).status).toBe(200)
    const stats = JSON.parse((await hear(`${openai.baseUrl}/__sim/stats?host=eu`)).body) as object
    expect(stats).toEqual({ ...host.stats() })
    expect(stats).toMatchObject({
      requests: 2,
      refused: 1,
      completed: 1,
      byBehaviour: { busy: 1, ok: 1 },
      byModel: { phi3: 1 },
    })
    expect(JSON.parse((await hear(`${host.baseUrl}/__sim/log`)).body)).toEqual(JSON.parse(JSON.stringify(host.log())))
    await hear(`${host.baseUrl}/__sim/reset`, '')
    expect(host.stats().requests).toBe(0)
    expect((await hear(`${host.baseUrl}/__sim/set`, 'no-such')).status).toBe(400)
  })

  test('a log tells of the last 1000 requests, or of as many as it is asked to keep', () => {
    const kept = (most?: number): number => {
      const journal = new Journal('own', machineClock, undefined, most)
      for (let i = 0; i < 2100; i++) journal.open('GET', '/', {})
      return journal.log().length
    }
    expect([kept(), kept(5), kept(Infinity)]).toEqual([1000, 5, 2100])
  })
})

describe('bytes', () => {
  const neutral = (body: string): string =>
    body.replace(/"(created_at|id)":"[^"]*"/g, '"$1":""').replace(/"created":\d+/g, '')

  test('the same request gives the same bytes but for ids and times', async () => {
    for (const stream of [true, false]) {
      const bodies = await Promise.all(
        [1, 2, 3].map(() => hear(`${host.baseUrl}/api/chat`, chat('sim-think@gap=0', { stream }))),
      )
      expect(new Set(bodies.map(({ body }) => neutral(body))).size).toBe(1)
    }
  })

  test.each([1, 3, 1000])('split=%i changes no byte and cuts between any two', async (size) => {
    const whole = await hear(`${host.baseUrl}/api/chat`, chat('sim-split@gap=0,split=0'))
    const cut = await hear(`${host.baseUrl}/api/chat`, chat(`sim-split@gap=0,split=${size}`))
    const fold = (body: string): string => neutral(body).replace(/"model":"[^"]*"/g, '')
    expect(fold(cut.body)).toBe(fold(whole.body))
    expect(last(host)).toMatchObject({ end: 'completed', completion_tokens: 5, bytes: Buffer.byteLength(cut.body) })
    if (size === 1) expect(cut.chunks.some((chunk) => chunk.toString('utf8').includes('\ufffd'))).toBe(true)
  })

  test('crlf=1 ends lines with CR LF', async () => {
    const heard = await hear(`${host.baseUrl}/api/chat`, chat('phi3'), {
      headers: { 'x-sim': 'ok;crlf=1;gap=0;words=2' },
    })
    expect(heard.body.match(/\r\n/g)).toHaveLength(3)
  })
})

describe('hosts', () => {
  test('an announcing host never passes for a model', async () => {
    const { baseUrl } = sandbox.host('demo')
    const long = [{ role: 'user', content: `${'ä'.repeat(300)}` }]
    for (const model of ['phi3', 'sim-ok@text=plain']) {
      const heard = await hear(`${baseUrl}/api/chat`, { model, messages: long, stream: false })
      const { message } = JSON.parse(heard.body) as { message: { content: string } }
      expect(message.content.startsWith('[sandbox asia-pacific] ')).toBe(true)
      if (model === 'phi3') expect(message.content).toMatch(/simulator, not a model.* ä{200}…$/)
    }
  })

  test('a stopped host refuses connections and comes back on its port', async () => {
    const { port } = host
    const { heard, opened } = call(`${host.baseUrl}/api/chat`, chat('sim-hang-mid@gap=0'))
    await opened
    await host.stop()
    expect((await heard).fault).toBe('ECONNRESET')
    expect(last(host)).toMatchObject({ end: 'reset', completion_tokens: 5 })
    expect((await hear(`${host.baseUrl}/api/version`)).fault).toBe('ECONNREFUSED')
    await host.start()
    expect(host.port).toBe(port)
    expect((await hear(`${host.baseUrl}/api/version`)).body).toBe('{"version":"0.99.0"}')
    await host.set('refuse')
    expect((await hear(`${host.baseUrl}/api/version`)).fault).toBe('ECONNREFUSED')
    await host.set('ok')
    expect((await hear(`${host.baseUrl}/api/version`)).status).toBe(200)
  })
})
