import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { startSandbox, type Sandbox } from './index'

interface Recording {
  name: string
  request: { method: string; path: string; body?: unknown }
  status: number
  headers: Record<string, string>
  body: string
}

interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
}

const folder = join(__dirname, '../../../test/fixtures/recordings')
const recordingsOf = (file: string): Recording[] =>
  readFileSync(join(folder, file), 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as Recording)

/** Recordings made in a state the request alone does not tell; what the replay adds to stand in the same place. */
const PREPARED: Record<string, Record<string, string>> = {
  'ollama/foreign origin': { origin: 'http://evil.example' },
  // The real models' tokenizer makes five tokens of each of the 900 words, ours one.
  'ollama/err context': { 'x-sim': 'ok;ctx=512' },
  'llama-server/err context': { 'x-sim': 'ok;ctx=512' },
  'llama-server/err key': { authorization: 'Bearer wrong' },
  // The recorder had no network: the registry's address could not be looked up.
  'ollama/pull failing': { 'x-sim': 'pull-fail' },
  'ollama/pull failing no stream': { 'x-sim': 'pull-fail' },
  // The recorder loaded models in advance and for ever.
  'ollama/ps': { 'x-sim': 'keepalive-forever' },
  'llama-server/n2': { 'x-sim': 'tool' },
}

/** Recordings the sandbox does not reproduce, with the reason. */
const NOT_REPRODUCED: Record<string, string> = {}

/** The set of paths and types of a JSON value; list items are folded together. */
function shapeOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return [`${path}: array`, ...value.flatMap((item) => shapeOf(item, `${path}[]`))]
  if (typeof value === 'object' && value !== null) {
    return [`${path}: object`, ...Object.entries(value).flatMap(([key, member]) => shapeOf(member, `${path}.${key}`))]
  }
  return [`${path}: ${value === null ? 'null' : typeof value}`]
}

/** Key names that depend on the model, not on the server: GGUF keys begin with the architecture. */
const neutral = (path: string): string => path.replace(/model_info\.(llama|qwen2|phi3)\./, 'model_info.ARCH.')

function shapesOf(values: unknown[]): string[] {
  return [...new Set(values.flatMap((value) => shapeOf(value)).map(neutral))].sort()
}

/** Restores vectors that were cut in the recording, so that the rest can be parsed. */
const restored = (body: string): string => body.replaceAll(',…]', ']').replaceAll('0…]', '0]')

function parse(body: string): unknown {
  try {
    return JSON.parse(restored(body))
  } catch {
    return undefined
  }
}

interface Framing {
  kind: 'empty' | 'json' | 'ndjson' | 'sse' | 'text'
  shapes: string[]
  /** Event names of an SSE stream, repeats folded. */
  events: string[]
  /** The bytes of a text body, or what ends the body. */
  bytes: string
}

function framingOf(contentType: string, body: string): Framing {
  if (body === '') return { kind: 'empty', shapes: [], events: [], bytes: '' }
  if (contentType.startsWith('text/event-stream')) {
    const blocks = body.split('\n\n').filter((block) => block !== '')
    const data = blocks.map(
      (block) =>
        block
          .split('\n')
          .find((line) => line.startsWith('data: '))
          ?.slice(6) ?? '',
    )
    const names = blocks.map((block) => (block.startsWith('event: ') ? (block.split('\n')[0] ?? '') : ''))
    return {
      kind: 'sse',
      shapes: shapesOf(data.map(parse).filter((value) => value !== undefined)),
      events: names.filter((name, index) => name !== names[index - 1]),
      bytes: `${data.at(-1) === '[DONE]' ? '[DONE]' : ''}${body.endsWith('\n\n')}`,
    }
  }
  if (contentType.startsWith('application/x-ndjson')) {
    const lines = body.split('\n').filter((line) => line !== '')
    return { kind: 'ndjson', shapes: shapesOf(lines.map(parse)), events: [], bytes: String(body.endsWith('\n')) }
  }
  const value = parse(body)
  if (value === undefined) return { kind: 'text', shapes: [], events: [], bytes: body }
  return { kind: 'json', shapes: shapesOf([value]), events: [], bytes: String(body.endsWith('\n')) }
}

function send(baseUrl: string, recording: Recording, headers: Record<string, string>): Promise<Answer> {
  const { method, path, body } = recording.request
  const bytes = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    // Node gives a DELETE no length by itself, and a body without one is lost.
    const length = bytes === undefined ? {} : { 'content-length': String(Buffer.byteLength(bytes)) }
    const call = request(
      `${baseUrl}${path}`,
      { method, headers: { ...headers, ...length }, agent: false },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString('utf8'),
          }),
        )
      },
    )
    call.on('error', reject)
    call.end(bytes)
  })
}

const prepare = (baseUrl: string, path: string, body: unknown): Promise<Answer> =>
  send(baseUrl, { name: '', request: { method: 'POST', path, body }, status: 0, headers: {}, body: '' }, {})

const typeOf = (headers: Answer['headers']): string => String(headers['content-type'] ?? '')

const withoutIds = (body: string): string => body.replace(/req_[0-9a-f]{24}/, 'req_ID')

describe.each([
  ['ollama', 'ollama.jsonl'],
  ['llama-server', 'llama-server.jsonl'],
])('%s answers as recorded', (server, file) => {
  const recordings = recordingsOf(file)
  const models = ['sky', 'embed', 'tool', 'plain', 'think', 'say', 'loop', 'custom:v2']
  let sandbox: Sandbox

  beforeAll(async () => {
    const dialect = server === 'ollama' ? 'ollama' : 'llamacpp'
    const held = server === 'ollama' ? models : ['tool']
    const apiKey = server === 'ollama' ? undefined : 'key'
    sandbox = await startSandbox({
      hosts: [{ name: server, region: 'eu-west', dialect, models: held, apiKey, defaults: { gap: 0 } }],
    })
    if (server !== 'ollama') return
    // What the recorder had done before: one model loaded for ever, one made with a system text.
    await prepare(sandbox.host(server).baseUrl, '/api/chat', { model: 'say', keep_alive: -1 })
    await prepare(sandbox.host(server).baseUrl, '/api/create', {
      model: 'custom:v2',
      from: 'say',
      system: 'You are Pete.',
    })
  })

  afterAll(() => sandbox.close())

  test('every recording is replayed or named with a reason', () => {
    const skipped = Object.entries(NOT_REPRODUCED).filter(([key]) => key.startsWith(`${server}/`))
    for (const [key, reason] of skipped) process.stdout.write(`not reproduced: ${key}: ${reason}\n`)
    expect(skipped.length).toBeLessThanOrEqual(10)
    expect(recordings.length).toBe(server === 'ollama' ? 75 : 22)
  })

  const replayed = recordings.filter((recording) => !(`${server}/${recording.name}` in NOT_REPRODUCED))
  test.each(replayed.map((recording): [string, Recording] => [recording.name, recording]))(
    '%s',
    async (name, recording) => {
      const headers = {
        ...(server === 'ollama' ? {} : { authorization: 'Bearer key' }),
        ...PREPARED[`${server}/${name}`],
      }
      const answer = await send(sandbox.host(server).baseUrl, recording, headers)
      expect(answer.status).toBe(recording.status)
      expect(typeOf(answer.headers)).toBe(recording.headers['content-type'] ?? '')
      const isChunked = recording.headers['transfer-encoding'] === 'chunked'
      // Go switches to chunks when a JSON body outgrows its buffer; only streams are chunked by nature.
      if (isChunked && !typeOf(answer.headers).includes('json;') && recording.status === 200) {
        expect(answer.headers['transfer-encoding']).toBe('chunked')
      }
      const type = typeOf(answer.headers)
      expect(framingOf(type, answer.body)).toEqual(framingOf(type, recording.body))
      // Callers read error texts, so these must agree to the letter, but for ids.
      if (recording.status >= 400 && !(`${server}/${name}` in PREPARED)) {
        expect(withoutIds(answer.body)).toBe(withoutIds(recording.body))
      }
    },
  )
})
