import { EventEmitter } from 'node:events'
import type { ChatReply, ChatResult, CompletedChat, ServedBy } from '@tollgate/chat'
import { refuse, type ChatRequest } from '@tollgate/kernel'
import type { HttpReply, HttpRequest } from '@tollgate/platform/http'
import { SURFACES, type Heard } from '../../../../test/e2e/surfaces'
import { MessageStreamReply } from './anthropic/messages.wire'
import { ChatStreamReply, chatSummary } from './chat/chat.wire'
import { breakStream, InferenceDoor, type CallerRequest, type StreamedReply } from './inference'
import { OllamaStreamReply } from './ollama/ollama.wire'
import { CompletionStreamReply } from './openai/chat-completions.wire'
import { TextCompletionStreamReply } from './openai/completions.wire'
import { ResponseStreamReply } from './openai/responses.wire'
import { errorBody } from '@tollgate/platform/http'

const SERVED: ServedBy = { model: 'm', requestedModel: 'm', provider: 'ollama', region: 'eu', host: 'h', isSandbox: false, attempts: 1, queueMs: 0, headroom: {} as ServedBy['headroom'], selection: null }
const COMPLETED = {
  kind: 'completed', served: SERVED, finishReason: 'stop', finishReasons: ['stop'], stopSequence: null, costPico: 0n, currency: 'USD', durationMs: 1, firstEventMs: 1, vectors: null, warnings: [],
  usage: { promptTokens: 1, completionTokens: 1, cachedTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0, source: 'provider' },
} as unknown as CompletedChat
const FAILED = { kind: 'refused', refusal: refuse('upstream_timeout') } as const

/** A response that keeps what is written, and the request it answers. */
class Raw extends EventEmitter {
  head: Record<string, string> | null = null
  text = ''
  destroyed = false
  writableNeedDrain = false
  get headersSent(): boolean {
    return this.head !== null
  }
  writeHead(_status: number, headers: Record<string, string>): this {
    expect(this.head).toBeNull()
    this.head = headers
    return this
  }
  write(text: string): boolean {
    this.text += text
    return true
  }
  end(text = ''): void {
    this.text += text
  }
}

interface Ending {
  readonly path: string
  readonly silence: string
  make(http: HttpRequest, reply: HttpReply): StreamedReply & { end(result: ChatResult): void }
}

/** Each surface's reply, ended as its controller ends it. */
const completion = { id: 'c', created: 0 }
const ENDINGS: Ending[] = [
  {
    path: '/chat', silence: ': ping\n\n',
    make: (http, reply) => {
      const sink = new ChatStreamReply(http, reply)
      return Object.assign(sink, { end: (result: ChatResult) => (result.kind === 'completed' ? (sink.stream!.send({ done: true, ...chatSummary(result, 'r', []) }), sink.stream!.end(true)) : breakStream(http, sink.stream!, result)) })
    },
  },
  ...[
    (http: HttpRequest, reply: HttpReply) => new CompletionStreamReply(http, reply, completion, false, 1),
    (http: HttpRequest, reply: HttpReply) => new TextCompletionStreamReply(http, reply, completion, false, { text: '', choices: 1 }),
  ].map((of, index) => ({
    path: index === 0 ? '/v1/chat/completions' : '/v1/completions', silence: ': ping\n\n',
    make: (http: HttpRequest, reply: HttpReply) => {
      const sink = of(http, reply)
      return Object.assign(sink, { end: (result: ChatResult) => (result.kind === 'completed' ? sink.finish(result) : breakStream(http, sink.stream!, result)) })
    },
  })),
  {
    path: '/v1/responses', silence: ': ping\n\n',
    make: (http, reply) => {
      const sink = new ResponseStreamReply(http, reply, { id: 'resp_1', createdAt: 0, body: { model: 'm' } as never, warnings: [] })
      return Object.assign(sink, { end: (result: ChatResult) => (result.kind === 'completed' ? sink.finish(result) : sink.break(result)) })
    },
  },
  {
    path: '/v1/messages', silence: 'event: ping\ndata: {"type":"ping"}\n\n',
    make: (http, reply) => {
      const sink = new MessageStreamReply(http, reply, { id: 'msg_1', warnings: [], stopSequences: [], likelyInputTokens: 1 })
      return Object.assign(sink, { end: (result: ChatResult) => (result.kind === 'completed' ? sink.finish(result) : sink.break(result)) })
    },
  },
  {
    path: '/api/chat', silence: '{"model":"m","created_at":"t","message":{"role":"assistant","content":""},"done":false}\n',
    make: (http, reply) => {
      const sink = new OllamaStreamReply(http, reply, { form: 'chat', model: 'm', createdAt: 't' })
      return Object.assign(sink, { end: (result: ChatResult) => (result.kind === 'completed' ? sink.finish(result, []) : sink.break(result.kind === 'unrecorded' ? null : errorBody(result.refusal, 'plain', 'r'))) })
    },
  },
]

describe.each(ENDINGS)('a stream on $path whose upstream is silent', ({ path, silence, make }) => {
  // Streams hand over what was written at the end of a turn, by nextTick.
  beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick'] }))
  afterEach(() => jest.useRealTimers())

  /** Walks a call whose corridor does what `script` does; tells what its client had read after each step. */
  async function walk(script: (reply: ChatReply, wait: (ms: number) => void) => ChatResult): Promise<{ raw: Raw; heard: Heard }> {
    const raw = new Raw()
    const http = { id: 'r', url: path, headers: {}, caller: { tenant: { slug: 't' }, key: { id: 'k' } } } as unknown as CallerRequest
    const reply = { raw } as unknown as HttpReply
    const chat = { serve: async (call: { reply: ChatReply }) => script(call.reply, (ms) => jest.advanceTimersByTime(ms)) }
    const nothing = new Proxy({}, { get: () => () => 0 })
    const door = new InferenceDoor(chat as never, nothing as never, nothing as never, nothing as never, nothing as never)
    const sink = make(http, reply)
    sink.end(await door.serve(http, reply, 'test', {} as ChatRequest, sink))
    expect(jest.getTimerCount()).toBe(0)
    return { raw, heard: SURFACES.find((surface) => surface.path === path)!.hear(raw.text) }
  }
  const serve = (reply: ChatReply) => {
    reply.begin(SERVED)
    reply.push({ kind: 'text', text: 'hello', choice: 0 })
    return COMPLETED
  }

  it('is opened and pinged every 15 s while nothing was served yet, and is whole afterwards', async () => {
    let before = ''
    const { raw, heard } = await walk((reply, wait) => {
      wait(14_999)
      wait(15_001)
      before = silence.repeat(2)
      return serve(reply)
    })
    expect(raw.text.startsWith(before)).toBe(true)
    expect(raw.text.slice(before.length).startsWith(silence)).toBe(false)
    expect(heard).toEqual({ text: 'hello', end: 'whole', terminals: 1 })
    expect(raw.head).toMatchObject({ 'x-request-id': 'r' })
  })

  it('is pinged between events too', async () => {
    const { raw, heard } = await walk((reply, wait) => {
      const result = serve(reply)
      wait(45_000)
      return result
    })
    expect(raw.head).toMatchObject({ 'x-request-id': 'r', 'x-tollgate-host': 'h' })
    expect(raw.text.split(silence).length - 1).toBeGreaterThanOrEqual(3)
    expect(heard).toMatchObject({ text: 'hello', end: 'whole' })
  })

  it('ends with an error event when it comes to nothing', async () => {
    const { heard } = await walk((_reply, wait) => {
      wait(15_000)
      return FAILED
    })
    expect(heard).toEqual({ text: '', end: 'error', code: 'upstream_timeout', terminals: 0 })
  })

  it('sends nothing before 15 s, so that a refusal keeps its status', async () => {
    const { raw } = await walk((reply, wait) => {
      wait(14_999)
      return serve(reply)
    })
    expect(raw.text.startsWith(silence)).toBe(false)
  })

  it('holds a whole answer that has no words', async () => {
    const { heard } = await walk((_reply, wait) => {
      wait(15_000)
      return COMPLETED
    })
    expect(heard).toEqual({ text: '', end: 'whole', terminals: 1 })
  })
})
