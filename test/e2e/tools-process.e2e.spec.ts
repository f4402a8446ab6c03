import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readServers } from '../../apps/gateway/src/mcp-file'
import { eventually, freePort, redisTargets, spawnApp, startStack, tempFolder, type SeededTenant, type Stack } from '../support'
import { Mortal } from '../support/mortal'

const { url: redisUrl } = redisTargets().at(-1)!
const modules = join(__dirname, '../../node_modules/@modelcontextprotocol')
const EVERYTHING = realpathSync(join(modules, 'server-everything/dist/index.js'))
const FILES = realpathSync(join(modules, 'server-filesystem/dist/index.js'))
const ROGUE = join(__dirname, '../fixtures/mcp-rogue.mjs')
const recipe = (name: string) => new RegExp(`^\`\`\`\\w+ ${name}\\n([\\s\\S]*?)^\`\`\``, 'm').exec(readFileSync(join(__dirname, '../../RECIPES.md'), 'utf8'))![1]!

describe('a gateway with tool servers, as a process', () => {
  const folder = tempFolder()
  const mark = `mark-${randomBytes(6).toString('hex')}`
  let stack: Stack
  let tenant: SeededTenant
  let gateway: Mortal
  let search: ChildProcess
  let url: string
  let file: string
  let env: Record<string, string>

  beforeAll(async () => {
    stack = await startStack({ redisUrl, hosts: [{ name: 'openai', region: 'us-east', dialect: 'openai', models: ['gpt-4o-mini'], defaults: { gap: 0 } }], gateways: 0, env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    const shelf = join(realpathSync(folder.path), 'shelf')
    mkdirSync(shelf)
    writeFileSync(join(shelf, 'note.txt'), 'from the shelf')
    const local = recipe('mcp').replace('command: npx', `command: ${process.execPath}`).replace(/args: .*$/m, `args: ["${FILES}", ${shelf}]`)
    expect(recipe('mcp')).toContain(`@modelcontextprotocol/server-filesystem@${(JSON.parse(readFileSync(join(modules, 'server-filesystem/package.json'), 'utf8')) as { version: string }).version}`)
    file = join(folder.path, 'tollgate.yaml')
    writeFileSync(file, `${local}    - { name: stubborn, transport: stdio, command: ${process.execPath}, args: ["${ROGUE}", stubborn, ${mark}] }\nhosts:\n  - { name: x, secret: "\${env:NOT_OF_THIS_PROCESS}" }\n`)
    const port = await freePort()
    search = spawn(process.execPath, [EVERYTHING, 'streamableHttp'], { env: { PORT: String(port), PATH: process.env.PATH }, stdio: 'ignore' })
    await eventually(async () => expect((await fetch(`http://127.0.0.1:${port}/mcp`)).status).toBeGreaterThanOrEqual(400), { timeoutMs: 20_000 })
    const { mcp_servers: servers } = JSON.parse(recipe('mcp-model')) as { mcp_servers: string[] }
    await stack.owner.query(`UPDATE model SET mcp_servers = $1 WHERE name = 'gpt-4o-mini'`, [[...servers, 'stubborn']])
    tenant = await stack.addTenant({ tier: 'enterprise' })
    const { TOLLGATE_KEY_PEPPER, TOLLGATE_JWT_SECRET, TOLLGATE_SECRETS_KEY } = stack.config
    env = {
      LOG_LEVEL: 'warn', HOST: '127.0.0.1', PORT: String(await freePort()), DATABASE_URL: stack.database.appUrl, REDIS_URL: redisUrl, TOLLGATE_KEY_PEPPER, TOLLGATE_JWT_SECRET, TOLLGATE_SECRETS_KEY,
      TOLLGATE_ALLOW_LOOPBACK_HOSTS: 'true', OLLAMA_AUTO_HEALTH_CHECK: 'false', TOLLGATE_DRAIN_NOTICE_MS: '0', TOLLGATE_DRAIN_TIMEOUT_MS: '1000', TOLLGATE_MCP_FILE: file, SEARCH_URL: `http://127.0.0.1:${port}/mcp`,
    }
    url = `http://127.0.0.1:${env.PORT}`
    gateway = new Mortal('gateway', 'apps/gateway/src/main', env)
  }, 90_000)
  afterAll(async () => {
    search?.kill('SIGKILL')
    await gateway?.stop()
    await stack?.stop()
    folder.remove()
  })

  /** Processes with a word in their command line, the leash's shell among them. */
  const running = (word: string) => execFileSync('ps', ['-eo', 'pid,args']).toString().split('\n').filter((line) => line.includes(word))
  const call = async (name: string, args: object) => {
    await stack.sandbox.host('openai').set({ name: 'tool', params: { call: name, args: JSON.stringify(args) } })
    const answer = await fetch(`${url}/chat`, { method: 'POST', headers: { 'x-api-key': tenant.key, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'gpt-4o-mini', message: 'hello' }) })
    return (await answer.json()) as { response: string }
  }

  it('serves the recipe as it is written, over stdio and streamable HTTP', async () => {
    await gateway.start()
    await eventually(async () => expect((await call('mcp__shelf__read_text_file', { path: join(realpathSync(folder.path), 'shelf/note.txt') })).response).toBe('from the shelf'))
    expect((await call('mcp__search__echo', { message: 'found' })).response).toBe('Echo: found')
    expect((await call('mcp__shelf__write_file', {})).response).toBe('no tool is named mcp__shelf__write_file')
  })

  it.each(['SIGKILL', 'SIGTERM'])('takes its servers with it, stubborn ones and what they started too: %s', async (signal) => {
    if (!gateway.isAlive) await gateway.start()
    // Shell, server, and the child that ignores TERM.
    await eventually(() => expect(running(mark).length).toBeGreaterThanOrEqual(3), { timeoutMs: 10_000 })
    expect(running(join(realpathSync(folder.path), 'shelf')).length).toBeGreaterThan(0)
    if (signal === 'SIGKILL') await gateway.die()
    else expect(await gateway.leave()).toBe(0)
    await eventually(() => expect([...running(mark), ...running(join(realpathSync(folder.path), 'shelf'))]).toEqual([]), { timeoutMs: 10_000 })
  })

  it('ends a call whose tool still runs when its time to drain is over, asks no model any more, and exits', async () => {
    if (!gateway.isAlive) await gateway.start()
    const asked = () => stack.sandbox.host('openai').log().filter(({ path }) => path.includes('chat')).length
    const before = asked()
    const last = call('mcp__stubborn__hang', {})
    await eventually(() => expect(asked()).toBe(before + 1))
    expect(await gateway.leave()).toBe(0)
    expect(await last).toMatchObject({ code: 'shutting_down', billed_rounds: 1 })
    expect(asked()).toBe(before + 1)
  })

  it('does not start with a file that has a fault, and says where', async () => {
    const bad = join(folder.path, 'bad.yaml')
    writeFileSync(bad, 'mcp:\n  servers:\n    - { name: a, transport: stdio, command: x, sudo: true }\n')
    const start = spawnApp('apps/gateway/src/main', { ...env, TOLLGATE_MCP_FILE: bad }, { line: /listens on/ })
    await expect(start).rejects.toThrow(/bad\.yaml: line 3, column \d+: mcp\.servers\.0\.sudo is not a field of this object/)
    await expect(spawnApp('apps/gateway/src/main', { ...env, TOLLGATE_MCP_FILE: '/no/such/file' }, { line: /listens on/ })).rejects.toThrow(/TOLLGATE_MCP_FILE: \/no\/such\/file cannot be read \(ENOENT\)/)
    await expect(spawnApp('apps/gateway/src/main', { ...env, SEARCH_URL: 'http://169.254.169.254/' }, { line: /listens on/ })).rejects.toThrow(/mcp\.servers search: .*metadata/)
  }, 120_000)

  it.each([
    ['mcp:\n  servers:\n    - { name: a, transport: stdio, command: "${env:NOWHERE}" }\n', /f: line 3, column 45: mcp\.servers\.0\.command the variable NOWHERE is not set/],
    ['mcp:\n  servers: []\nmpc: {}\n', /line 3, column 1: mpc is not a section of this file/],
    ['mcp:\n  servers:\n    - { name: a, transport: http, url: "ftp://x" }\n', /mcp\.servers\.0\.url must be a URL/],
    ['mcp:\n  servers:\n    - { name: a, transport: sse, url: "http://x" }\n', /transport must be stdio or streamable_http/],
    ['mcp:\n  servers: []\n  servers: []\n', /line 3, column 3: this key stands twice/],
    ['mcp:\n  servers:\n    - { name: a, transport: stdio, command: x, cwd: here }\n', /cwd must be an absolute path/],
    ['mcp:\n  servers:\n    - { name: a, transport: http, url: "http://x", headers: { a: "b\\r\\nc: d" } }\n', /headers\.a must be printable ASCII/],
  ])('refuses %j', (text, told) => expect(() => readServers('f', text, {})).toThrow(told))

  it('reads a whole file of the operator, with what its variables stand for', () => {
    const servers = readServers('f', 'tiers: []\nhosts: [{ secret: "${env:OTHER}" }]\nmcp:\n  servers:\n    - { name: a, transport: stdio, command: x, env: { T: "${env:T}-${env:U:-u}" } }\n', { T: 't' })
    expect(servers).toEqual([{ name: 'a', transport: 'stdio', command: 'x', args: [], env: { T: 't-u' }, cwd: '/', tools: null, tiers: null, limits: { rounds: 8, timeoutMs: 30_000, resultBytes: 65_536, startMs: 10_000 } }])
    expect(readServers('f', 'tiers: []\n', {})).toEqual([])
  })
})
