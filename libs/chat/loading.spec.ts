import { contextAt, loadSettings } from './loading'

const PLAIN = { numCtx: null, keepAlive: null, contextLength: 8_192 }
const INSTALLATION = { OLLAMA_CONTEXT_LENGTH: 4_096, OLLAMA_KEEP_ALIVE: '10m' }

describe('how a model is loaded', () => {
  it.each([
    [PLAIN, {}, {}],
    [PLAIN, INSTALLATION, { num_ctx: 4_096, keep_alive: '10m' }],
    [{ ...PLAIN, numCtx: 2_048 }, INSTALLATION, { num_ctx: 2_048, keep_alive: '10m' }],
    [{ ...PLAIN, keepAlive: '1h30m' }, INSTALLATION, { num_ctx: 4_096, keep_alive: '1h30m' }],
    // Ollama takes seconds as a number only.
    [{ ...PLAIN, keepAlive: '-1' }, {}, { keep_alive: -1 }],
    [{ ...PLAIN, numCtx: 2_048, keepAlive: '0' }, {}, { num_ctx: 2_048, keep_alive: 0 }],
  ])('%j with %j: %j', (model, defaults, settings) => {
    expect(loadSettings(model, 'ollama', defaults as typeof INSTALLATION)).toEqual(settings)
    expect(loadSettings(model, 'openai', defaults as typeof INSTALLATION)).toBeUndefined()
  })

  it.each([
    [PLAIN, {}, 8_192, 8_192],
    [PLAIN, INSTALLATION, 4_096, 8_192],
    [{ ...PLAIN, numCtx: 2_048 }, INSTALLATION, 2_048, 8_192],
    [{ ...PLAIN, numCtx: 16_384 }, INSTALLATION, 8_192, 8_192],
    [{ ...PLAIN, contextLength: null }, {}, null, null],
    [{ ...PLAIN, contextLength: null, numCtx: 512 }, {}, 512, null],
  ])('%j with %j has a context of %j on Ollama hosts, %j elsewhere', (model, defaults, ollama, elsewhere) => {
    expect([contextAt(model, 'ollama', defaults as typeof INSTALLATION), contextAt(model, 'openai', defaults as typeof INSTALLATION)]).toEqual([ollama, elsewhere])
  })
})
