/** The one model of the bench. */
export const MODEL = 'bench-model'

/** Content frames of one streamed answer. */
export const CHUNKS = 50

/** Milliseconds between the frames of a paced stream: a fast model. */
export const PACE_MS = 5

/** A prompt with this word gets its frames paced; any other stream gets them as fast as the socket takes them. */
export const PACED_MARK = '[paced]'

const WORDS = 'A gateway admits a call, sends it to the nearest host that can serve it, and writes down what it cost before it says goodbye.'
const HEAD = { id: 'chatcmpl-bench0000000000000000000', created: 1_760_000_000, model: MODEL }
const USAGE = { prompt_tokens: 41, completion_tokens: CHUNKS, total_tokens: 41 + CHUNKS }

/** Turns before the question of a long prompt, and sentences in each: about 100 kB, as coding agents send with every call. */
const TURNS = 40
const SENTENCES = 20

/** The request every target gets, in OpenAI's shape: a system sentence and a question, as chat applications send. */
export function requestBody(kind: 'plain' | 'long' | 'stream' | 'paced'): string {
  const turns = kind === 'long' ? Array.from({ length: TURNS }, (_, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content: `${WORDS}\n`.repeat(SENTENCES) })) : []
  return JSON.stringify({
    model: MODEL,
    messages: [
      { role: 'system', content: 'You are a helpful assistant. Answer in one short paragraph and name your sources.' },
      ...turns,
      { role: 'user', content: `${kind === 'paced' ? `${PACED_MARK} ` : ''}What does a gateway in front of language models do, and what does it cost me per call?` },
    ],
    max_tokens: 256,
    temperature: 0.2,
    ...(kind === 'plain' || kind === 'long' ? {} : { stream: true, stream_options: { include_usage: true } }),
  })
}

/** A whole HTTP answer of a chat that is not streamed. */
export function wholeAnswer(): Buffer {
  const choice = { index: 0, message: { role: 'assistant', content: WORDS, refusal: null }, logprobs: null, finish_reason: 'stop' }
  return jsonAnswer({ ...HEAD, object: 'chat.completion', choices: [choice], usage: USAGE, system_fingerprint: null })
}

/** The model list, which the worker's probe asks for. */
export function modelList(): Buffer {
  return jsonAnswer({ object: 'list', data: [{ id: MODEL, object: 'model', created: 1_760_000_000, owned_by: 'bench' }] })
}

/** The writes of a streamed answer, each a frame in a chunk of its own, the head with the first and the end with the last. */
export function streamWrites(): Buffer[] {
  const chunk = (choices: unknown[], usage: unknown) =>
    `data: ${JSON.stringify({ ...HEAD, object: 'chat.completion.chunk', system_fingerprint: null, choices, usage })}\n\n`
  const choice = (delta: object, finish: string | null) => [{ index: 0, delta, logprobs: null, finish_reason: finish }]
  const words = WORDS.split(' ')
  const content = Array.from({ length: CHUNKS }, (_, i) => chunk(choice({ content: ` ${words[i % words.length]}` }, null), null))
  const frames = [chunk(choice({ role: 'assistant', content: '', refusal: null }, null), null), ...content]
  const last = [chunk(choice({}, 'stop'), null), chunk([], USAGE), 'data: [DONE]\n\n'].join('')
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n'
  return [...frames, last].map((text, i, all) => Buffer.from(`${i === 0 ? head : ''}${httpChunk(text)}${i === all.length - 1 ? '0\r\n\r\n' : ''}`))
}

function httpChunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
}

function jsonAnswer(body: object): Buffer {
  const text = JSON.stringify(body)
  return Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
}
