import { readCompatibleEmbeddings, readOllamaEmbeddings } from './embeddings'
import { Reply } from './reply'

type Read = (reply: Reply, text: string, count: number) => void

function hear(read: Read, body: unknown, count = 2): Reply {
  const reply = new Reply(() => undefined, { maxTokens: 10, choices: 1, idPrefix: 'q_' })
  read(reply, typeof body === 'string' ? body : JSON.stringify(body), count)
  return reply
}
const item = (embedding: unknown, index?: unknown) => ({ object: 'embedding', embedding, ...(index === undefined ? {} : { index }) })
const VECTORS = [[0.5, -1], [0, 1e-9]]

describe('embeddings of an OpenAI-compatible upstream', () => {
  it('are one vector an input, by the index that each has and else in order; only the prompt is counted', () => {
    const usage = { prompt_tokens: 3, total_tokens: 3 }
    for (const data of [VECTORS.map((vector, index) => item(vector, index)), VECTORS.map((vector, index) => item(vector, index)).reverse(), VECTORS.map((vector) => item(vector))]) {
      expect(hear(readCompatibleEmbeddings, { data, model: 'm', usage })).toMatchObject({ vectors: VECTORS, isTerminal: true, servedModel: 'm', malformed: null, usage: { usage: { promptTokens: 3, completionTokens: 0 }, raw: usage } })
    }
  })

  it('need no usage, and one that lies is not believed', () => {
    const data = VECTORS.map((vector, index) => item(vector, index))
    expect(hear(readCompatibleEmbeddings, { data })).toMatchObject({ vectors: VECTORS, usage: null })
    expect(hear(readCompatibleEmbeddings, { data, usage: { prompt_tokens: -3 } })).toMatchObject({ vectors: VECTORS, usage: { usage: null, flags: ['usage_implausible'] } })
  })

  it.each([
    ['too few', [item([1], 0)]], ['too many', [item([1], 0), item([1], 1), item([1], 2)]], ['two of the same index', [item([1], 0), item([2], 0)]], ['an index far away', [item([1], 0), item([1], 1e6)]],
    ['a negative index', [item([1], 0), item([1], -1)]], ['an empty vector', [item([1], 0), item([], 1)]], ['text in a vector', [item([1], 0), item(['1'], 1)]], ['null in a vector', [item([1], 0), item([null], 1)]],
    ['base64 that nobody asked for', [item('AAAA', 0), item('AAAA', 1)]], ['no objects', [1, 2]], ['nothing', []],
  ])('%s is no answer', (_name, data) => expect(hear(readCompatibleEmbeddings, { data })).toMatchObject({ vectors: null, isTerminal: false, malformed: expect.stringContaining('vector') }))
})

describe('embeddings of Ollama', () => {
  it('are in the order of the inputs; only the prompt is counted', () => {
    expect(hear(readOllamaEmbeddings, { model: 'm', embeddings: VECTORS, prompt_eval_count: 3 })).toMatchObject({ vectors: VECTORS, isTerminal: true, usage: { usage: { promptTokens: 3, completionTokens: 0 }, raw: { prompt_eval_count: 3 } } })
  })

  it.each([['too few', [[1]]], ['too many', [[1], [2], [3]]], ['an empty vector', [[1], []]], ['text', [[1], ['x']]], ['no list', 7], ['nothing', undefined]])('%s is no answer', (_name, embeddings) =>
    expect(hear(readOllamaEmbeddings, { embeddings })).toMatchObject({ vectors: null, isTerminal: false, malformed: expect.stringContaining('vector') }))
})

describe.each([['OpenAI-compatible', readCompatibleEmbeddings], ['Ollama', readOllamaEmbeddings]])('%s', (_name, read) => {
  it.each(['', '{bad', '[]', 'null', '7'])('%j is garbage', (text) => expect(hear(read, text)).toMatchObject({ vectors: null, malformed: 'answer is not a JSON object' }))

  it('an error inside a 200 answer is an error', () => expect(hear(read, { error: { message: 'boom' }, data: [], embeddings: [] })).toMatchObject({ vectors: null, error: { body: expect.anything() } }))
})
