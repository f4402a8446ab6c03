import { Agent } from 'node:http'
import type { Sandbox } from './index'
import { eventually, hear, type Heard } from './testing/caller'
import { ANTHROPIC, COMPATIBLE, events, lines, oneOfEach, play, type Play } from './testing/stage'

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await oneOfEach()
})
afterAll(() => sandbox.close())
const playing = (behaviour: string, options?: Play): ReturnType<typeof play> => play(sandbox, behaviour, options)

describe('faults', () => {
  test.each([
    ['hang-mid', 'aborted', 5],
    ['reset-mid', 'reset', 5],
    ['eof-mid', 'failed', 5],
    ['err-line', 'failed', 3],
    ['garbage-mid', 'failed', 3],
  ])('%s ends as %s after %i words', async (name, end, words) => {
    const until = name === 'hang-mid' ? (text: string): boolean => text.includes(`w${words}`) : undefined
    const { heard, entry } = await playing(name, { until })
    expect(lines(heard).filter((line) => line.includes('"done":false'))).toHaveLength(words)
    expect(entry).toMatchObject({ end, completion_tokens: words, status: 200 })
    expect(heard.body).not.toContain('"done":true')
  })

  test('reset-first and reset-mid are resets on the wire, eof-mid is not', async () => {
    expect((await playing('reset-first')).heard).toMatchObject({ status: 0, fault: 'ECONNRESET' })
    expect((await playing('reset-mid')).heard.fault).toBe('ECONNRESET')
    expect((await playing('eof-mid')).heard.fault).toBeUndefined()
    expect((await playing('short-body')).heard.fault).toBe('ECONNRESET')
  })

  test('an error inside the answer has the bytes of its dialect', async () => {
    expect(lines((await playing('err-line')).heard).at(-1)).toBe(
      '{"error":"an error was encountered while running the model: unexpected EOF"}',
    )
    expect(events((await playing('err-line', { path: COMPATIBLE })).heard).at(-1)).toContain('"model":""')
    expect(events((await playing('err-event', { on: 'openai' })).heard).at(-1)).toContain(
      '{"error":{"message":"The server had an error',
    )
    expect(events((await playing('err-event', { on: 'openrouter' })).heard).at(-1)).toContain(
      '{"error":{"message":"The server had an error',
    )
    expect(events((await playing('err-event-r', { on: 'openrouter' })).heard).at(-1)).toContain(
      '"finish_reason":"error"',
    )
    expect(events((await playing('err-a', { on: 'openai', path: ANTHROPIC })).heard).at(-1)).toContain(
      'event: error\ndata: {"type":"error"',
    )
    expect((await playing('err-200', { on: 'openrouter' })).heard).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/json' },
    })
    const whole = await playing('err-line', { stream: false })
    expect([whole.heard.status, whole.entry.completion_tokens]).toEqual([500, 0])
  })

  test('the wrong form for what was asked', async () => {
    const json = await playing('json-for-stream', { on: 'openai' })
    expect(json.heard.headers['content-type']).toBe('application/json')
    const stream = await playing('stream-for-json', { on: 'openai', stream: false })
    expect(stream.heard.headers['content-type']).toBe('text/event-stream')
    expect(stream.entry.completion_tokens).toBe(11)
  })
})

describe('odd usage', () => {
  const usages = (heard: Heard): (number | undefined)[] =>
    events(heard)
      .filter((block) => !block.includes('[DONE]'))
      .map(
        (block) => (JSON.parse(block.slice(6)) as { usage?: { completion_tokens: number } }).usage?.completion_tokens,
      )
  const asked = { stream_options: { include_usage: true } }

  test.each([
    ['no-usage@words=2', [undefined, undefined, undefined, undefined]],
    ['usage-every@words=2', [0, 1, 2, 3, 3]],
    ['usage-zeros@words=2', [0, 0, 0, 0, 3]],
    ['usage-finish@words=2', [undefined, undefined, undefined, 3]],
    ['usage-wrong@words=2,kind=huge', [undefined, undefined, undefined, undefined, 1e12]],
  ])('%s', async (behaviour, expected) => {
    const { heard, entry } = await playing(behaviour, { on: 'vllm', more: asked })
    expect(usages(heard)).toEqual(expected)
    expect(entry.completion_tokens).toBe(3)
  })

  test('no-usage leaves Ollama without counts', async () => {
    const { heard, entry } = await playing('no-usage')
    expect(heard.body).not.toContain('eval_count')
    expect(entry).toMatchObject({ prompt_tokens: 4, completion_tokens: 11 })
  })
})

describe('timing and size', () => {
  test('comments come before the words and between them', async () => {
    const { heard, entry } = await playing('ping@every=1,count=2,words=2', { on: 'openrouter' })
    expect(heard.body.startsWith(': OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\ndata: ')).toBe(true)
    expect(heard.body.match(/: OPENROUTER/g)).toHaveLength(4)
    expect(entry.completion_tokens).toBe(3)
  })

  test('drip sends byte by byte, slow-load keeps even the headers back', async () => {
    const drip = await playing('drip@splitgap=0,words=1')
    expect(drip.heard.chunks.length).toBeGreaterThan(drip.heard.body.length / 2)
    expect((await playing('slow-load@delay=20,words=1')).entry.end).toBe('completed')
    expect((await playing('slow-then-ok@m=1,gap=1')).entry.behaviour).toBe('slow-then-ok')
  })

  test('one line may be megabytes, and ten thousand lines one write', async () => {
    const { heard, entry } = await playing('long-line@bytes=2000000')
    expect(heard.body.length).toBeGreaterThan(2_000_000)
    expect(entry).toMatchObject({ end: 'completed', completion_tokens: 2 })
    const once = await playing('burst@once=1')
    expect([lines(once.heard).length, once.entry.completion_tokens]).toEqual([10_001, 10_001])
  })

  test('a stale connection is closed without notice', async () => {
    const agent = new Agent({ keepAlive: true })
    const { baseUrl } = sandbox.host('ollama')
    const headers = { 'x-sim': 'stale-keepalive;idle=5' }
    await hear(`${baseUrl}/api/version`, undefined, { agent, headers })
    await eventually(() => Object.keys(agent.freeSockets).length === 0)
    agent.destroy()
  })
})
