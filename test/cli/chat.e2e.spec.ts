import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { main } from '../../apps/cli/src/main'
import { freePort, redisTargets, startStack, tempFolder, type SeededTenant, type Stack } from '../support'
import { projectRoot } from '../support/installation'
import { hasPseudoTerminal, PseudoTerminal } from '../support/pseudo-terminal'

const redisUrl = redisTargets().at(-1)!.url
// A machine without a pseudo-terminal says so by the name of the test it skips.
const atTerminal = hasPseudoTerminal() ? it : it.skip

describe('tollgate chat', () => {
  const folder = tempFolder()
  let stack: Stack
  let tenant: SeededTenant
  let host: Stack['sandbox']['hosts'][number]
  beforeAll(async () => {
    stack = await startStack({ redisUrl, hosts: [{ name: 'ollama-us', region: 'us-east', dialect: 'ollama', models: ['phi3', 'llama3.2', 'tinyllama'] }] })
    host = stack.sandbox.hosts[0]!
    tenant = await stack.addTenant()
  })
  beforeEach(() => host.set('ok;words=4;gap=0'))
  afterAll(async () => {
    await stack.stop()
    folder.remove()
  })

  async function tollgate(argv: string[], { input, env }: { input?: string; env?: Record<string, string> } = {}) {
    let [out, err] = ['', '']
    const interrupts = new Set<() => void>()
    const code = await main({
      argv,
      env: { HOME: folder.path, TOLLGATE_URL: stack.url, TOLLGATE_API_KEY: tenant.key, ...env },
      cwd: folder.path,
      stdin: input === undefined ? new PassThrough() : Readable.from([input]),
      stdout: {
        write: (text) => {
          out += text
          if (text.includes('w9')) for (const interrupt of interrupts) interrupt()
        },
      },
      stderr: { write: (text) => (err += text) },
      onInterrupt: (listener) => {
        interrupts.add(listener)
        return () => interrupts.delete(listener)
      },
    })
    return { code, out, err }
  }

  atTerminal('holds the golden transcript at a pseudo-terminal (needs `script` of util-linux)', async () => {
    const terminal = PseudoTerminal.start([process.execPath, join(projectRoot(), 'scripts/tollgate.mjs'), 'chat', '-m', 'llama3.2'], { cwd: folder.path, env: { HOME: folder.path, TOLLGATE_URL: stack.url, TOLLGATE_API_KEY: tenant.key } })
    try {
      const say = async (line: string, prompt: string) => {
        terminal.type(`${line}\r`)
        await terminal.until(prompt)
      }
      await terminal.until('You (llama3.2): ')
      await say('hello', '\nYou (llama3.2): ')
      await stack.settled()
      await say('/models', '\nYou (llama3.2): ')
      await say('/model tinyllama', '\nYou (llama3.2): ')
      await say('/model fast', '\nYou (phi3): ')
      await say('and what did I say?', '\nYou (phi3): ')
      host.set('ok;words=500;gap=50')
      terminal.type('tell me more\r')
      await terminal.until('w9')
      terminal.type('\x03')
      await terminal.until('\nYou (phi3): ')
      host.set('ok;words=4;gap=0')
      await say('clear', '\nYou (phi3): ')
      await say('/modle phi3', '\nYou (phi3): ')
      await say('/help', '\nYou (phi3): ')
      await say('and now?', '\nYou (phi3): ')
      terminal.type('\x03')
      await terminal.until('\nYou (phi3): ')
      terminal.type('\x03')
      expect(await terminal.ended()).toBe(0)
    } finally {
      terminal.stop()
    }
    const shown = terminal.transcript().replaceAll(stack.url, 'http://tollgate.test').replace(/\d+ms avg/g, '…ms avg').replace(/( w9)[\w ]*\n/, '$1\n')
    expect(shown).toBe(readFileSync(join(__dirname, 'chat-transcript.txt'), 'utf8'))
    const asked = host.log().filter(({ path }) => path === '/api/chat').map(({ prompt_tokens: tokens }) => tokens)
    // 3 tokens a message and 1 a word: the turn after the switch carries the turn before it, the one after clear does not.
    expect(asked).toEqual([3 + 1, 3 + 1 + (3 + 4) + (3 + 5), expect.any(Number), 3 + 2])
  })

  it('answers one question as text, as JSON, and from standard input', async () => {
    expect(await tollgate(['chat', 'hello', 'there', '-m', 'phi3'])).toEqual({ code: 0, out: 'w1 w2 w3 w4\n', err: 'tollgate: ollama-us is a sandbox host: this text was not written by a model\n' })
    expect(JSON.parse((await tollgate(['chat', 'hello', '--model', 'fast', '--json'])).out)).toMatchObject({ response: 'w1 w2 w3 w4', model: 'phi3', requested_model: 'fast', usage: { completion_tokens: 5 } })
    expect(await tollgate(['chat', '-m', 'phi3'], { input: 'hello\n' })).toMatchObject({ code: 0, out: 'w1 w2 w3 w4\n' })
    expect(await tollgate(['chat'], { input: ' \n' })).toMatchObject({ code: 2, err: expect.stringContaining('there is no text to send') })
    expect(await tollgate(['chat', 'x', '--max-tokens', 'many'])).toMatchObject({ code: 2, err: 'tollgate: --max-tokens must be a number, not "many".\n' })
  })

  it('stops at Ctrl-C with what was said so far', async () => {
    host.set('ok;words=500;gap=20')
    const { code, out, err } = await tollgate(['chat', 'hello', '-m', 'phi3'])
    expect([code, err]).toEqual([130, '\n(stopped)\n'])
    expect(out).toMatch(/^w1 w2 .* w9/)
    await stack.settled()
  })

  it('says the way out of every refusal, and ends with its code', async () => {
    expect(await tollgate(['chat', 'hi', '-m', 'lama3.2'])).toEqual({ code: 5, out: '', err: "tollgate: Model 'lama3.2' not found.\nDid you mean \"llama3.2\"? An operator pulls a new one: tollgate models pull lama3.2\nYou may use: llama3.2, phi3.\n" })
    expect(await tollgate(['chat', 'hi', '-m', 'tinyllama'])).toEqual({ code: 4, out: '', err: 'tollgate: Model tinyllama not available in standard tier\nYou may use: llama3.2, phi3.\n' })
    expect((await tollgate(['chat', 'hi', '-m', 'openai:gpt-4o'])).err).toContain('Provider openai is not configured. Set OPENAI_API_KEY where Tollgate runs')
    expect(await tollgate(['chat', 'hi'], { env: { TOLLGATE_API_KEY: 'tg_live_x' } })).toMatchObject({ code: 4, err: expect.stringContaining('does not accept this API key') })
    expect(await tollgate(['chat', 'hi'], { env: { TOLLGATE_API_KEY: undefined as never } })).toMatchObject({ code: 4, err: expect.stringMatching(/No API key is known .*`tollgate profile set /) })
    expect(await tollgate(['chat', 'hi', '--gateway', `http://127.0.0.1:${await freePort()}`])).toMatchObject({ code: 3, err: expect.stringContaining('Start Tollgate (`npm start`)') })
    const capped = await stack.addTenant({ key: { rpm: 1 } })
    await tollgate(['chat', 'hi', '-m', 'phi3', '--api-key', capped.key])
    expect(await tollgate(['chat', 'hi', '-m', 'phi3', '--api-key', capped.key])).toMatchObject({ code: 6, err: expect.stringContaining('Rate limit reached') })
  })
})
