/** How a stream ended in the eyes of a client that takes only what its protocol allows. */
export interface Heard {
  readonly text: string
  /** `whole`: the terminal event of the surface, as the last thing. `error`: its error event, as the last thing. `cut`: neither. */
  readonly end: 'whole' | 'error' | 'cut'
  /** Code of our catalogue in the error event. */
  readonly code?: string
  /** How often the surface's terminal event came. */
  readonly terminals: number
}

/** One public way to ask for a stream. */
export interface Surface {
  readonly path: string
  readonly type: string
  body(model: string, stream: boolean, limit?: number): object
  hear(stream: string): Heard
}

interface SseEvent {
  readonly name: string
  readonly data: string
}

/**
 * A parser of server-sent events by the letter of the HTML standard: any of the three line ends, one space after the
 * colon, names, comments; an event that its stream did not finish is dropped.
 */
export function parseSse(stream: string): SseEvent[] {
  const events: SseEvent[] = []
  let [name, data] = ['', null as string | null]
  const lines = stream.replace(/^\ufeff/, '').split(/\r\n|\r|\n/)
  // What follows the last line end is no line.
  for (const line of lines.slice(0, -1)) {
    if (line === '') {
      if (data !== null) events.push({ name: name || 'message', data })
      ;[name, data] = ['', null]
      continue
    }
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') name = value
    else if (field === 'data') data = data === null ? value : `${data}\n${value}`
    else if (field !== '' && field !== 'id' && field !== 'retry') throw new Error(`no field of an event: ${line}`)
  }
  return events
}

interface Piece {
  readonly text?: string
  readonly isTerminal?: boolean
  readonly error?: { code?: string }
}

function heard(pieces: readonly Piece[]): Heard {
  const last = pieces.at(-1)
  for (const { error } of pieces.slice(0, -1)) if (error) throw new Error('something came after an error')
  return {
    text: pieces.map(({ text }) => text ?? '').join(''),
    end: last?.isTerminal ? 'whole' : last?.error ? 'error' : 'cut',
    ...(last?.error?.code === undefined ? {} : { code: last.error.code }),
    terminals: pieces.filter(({ isTerminal }) => isTerminal).length,
  }
}

/* eslint-disable typescript/no-explicit-any */
const ofSse = (read: (value: any, name: string) => Piece) => (stream: string) =>
  heard(parseSse(stream).map(({ name, data }) => (data === '[DONE]' ? { isTerminal: true } : read(JSON.parse(data), name))))
const ofLines = (read: (value: any) => Piece) => (stream: string) => {
  if (stream !== '' && !stream.endsWith('\n')) throw new Error('a line without an end')
  return heard(stream.split('\n').slice(0, -1).map((line) => read(JSON.parse(line))))
}

const MESSAGES = [{ role: 'user', content: 'one two' }]
const chunk = (value: any): Piece => (value.error ? { error: value.error } : { text: value.choices.map((choice: any) => choice.delta?.content ?? choice.text ?? '').join('') })

/** Named events say their name twice, and both must agree. */
const sameName = (value: any, name: string): void => {
  if (value.type !== name) throw new Error(`event ${name} says it is ${value.type}`)
}

/** Every public surface that streams. */
export const SURFACES: Surface[] = [
  {
    path: '/chat',
    type: 'text/event-stream',
    body: (model, stream, limit = 100) => ({ model, stream, message: 'one two', max_tokens: limit }),
    hear: ofSse((value) => (value.error ? { error: value } : { text: value.delta })),
  },
  ...['/v1/chat/completions', '/chat/completions'].map((path) => ({
    path,
    type: 'text/event-stream',
    body: (model: string, stream: boolean, limit = 100) => ({ model, stream, messages: MESSAGES, max_tokens: limit }),
    hear: ofSse(chunk),
  })),
  { path: '/v1/completions', type: 'text/event-stream', body: (model, stream, limit = 100) => ({ model, stream, prompt: 'one two', max_tokens: limit }), hear: ofSse(chunk) },
  {
    path: '/v1/responses',
    type: 'text/event-stream',
    body: (model, stream, limit = 100) => ({ model, stream, input: 'one two', max_output_tokens: limit }),
    hear: ofSse((value, name) => {
      sameName(value, name)
      if (value.type === 'response.failed') return { error: value.response.error }
      if (value.type === 'error') return { error: value }
      return value.type === 'response.output_text.delta' ? { text: value.delta } : { isTerminal: value.type === 'response.completed' || value.type === 'response.incomplete' }
    }),
  },
  {
    path: '/v1/messages',
    type: 'text/event-stream',
    body: (model, stream, limit = 100) => ({ model, stream, messages: MESSAGES, max_tokens: limit }),
    hear: ofSse((value, name) => {
      sameName(value, name)
      if (value.type === 'error') return { error: value.error }
      return value.type === 'content_block_delta' && value.delta.type === 'text_delta' ? { text: value.delta.text } : { isTerminal: value.type === 'message_stop' }
    }),
  },
  {
    path: '/api/chat',
    type: 'application/x-ndjson',
    body: (model, stream, limit = 100) => ({ model, stream, messages: MESSAGES, options: { num_predict: limit } }),
    hear: ofLines((value) => (value.error ? { error: value } : { text: value.message.content, isTerminal: value.done })),
  },
  {
    path: '/api/generate',
    type: 'application/x-ndjson',
    body: (model, stream, limit = 100) => ({ model, stream, prompt: 'one two', options: { num_predict: limit } }),
    hear: ofLines((value) => (value.error ? { error: value } : { text: value.response, isTerminal: value.done })),
  },
]
