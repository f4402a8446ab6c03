import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually, freePort } from '../../test/support'
import { processLogger } from '../platform/logging'
import { Metrics } from '../platform/metrics'
import { parseEnvironment, type ClusterConfig } from '../platform/config'
import { systemClock } from '../platform/clock'
import { McpService } from './mcp.service'
import { mcpSectionSchema, serversOf } from './server-file.schema'

const ROGUE = join(__dirname, '../../test/fixtures/mcp-rogue.mjs')
const modules = join(__dirname, '../../node_modules/@modelcontextprotocol')
const EVERYTHING = realpathSync(join(modules, 'server-everything/dist/index.js'))
const FILES = realpathSync(join(modules, 'server-filesystem/dist/index.js'))
const NONE = new Set<string>()
const never = () => new AbortController().signal

describe('tool servers', () => {
  const services: McpService[] = []
  const logged: string[] = []
  let metrics: Metrics
  const logger = { ...processLogger('silent'), warn: (fields: object) => void logged.push(JSON.stringify(fields)) }
  afterEach(async () => {
    for (const service of services.splice(0)) await service.onApplicationShutdown()
    logged.length = 0
  })

  /** The servers of a file, as the gateway has them. */
  function start(...servers: object[]): McpService {
    const config = parseEnvironment({ TOLLGATE_ALLOW_LOOPBACK_HOSTS: 'true' }) as ClusterConfig
    metrics = new Metrics()
    const service = new McpService(config, systemClock, logger, metrics)
    services.push(service)
    expect(service.configure(serversOf(mcpSectionSchema.parse({ servers })))).toEqual([])
    return service
  }
  const rogue = (mode = 'ok', more: object = {}) => ({ name: 'rogue', transport: 'stdio', command: process.execPath, args: [ROGUE, mode], ...more })
  async function run(service: McpService, server: string, tool: string, args: Record<string, unknown> = {}, signal = never()) {
    const { tools, warnings } = await service.offer([server], 'free', NONE)
    const offered = tools.find((one) => one.tool === tool)
    if (!offered) throw new Error(`no tool ${tool}: ${warnings.join()}`)
    return service.call(offered, args, signal)
  }
  const isAlive = (pid: number) => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }

  it('offers and calls tools of the reference server over stdio', async () => {
    const service = start({ name: 'everything', transport: 'stdio', command: process.execPath, args: [EVERYTHING, 'stdio'], tools: ['echo', 'get-*'] })
    const { tools, rounds, warnings } = await service.offer(['everything'], 'free', NONE)
    expect(warnings).toEqual([])
    expect(rounds).toBe(8)
    expect(tools.map(({ alias }) => alias)).toEqual(expect.arrayContaining(['mcp__everything__echo', 'mcp__everything__get-sum']))
    expect(tools.every(({ tool }) => tool === 'echo' || tool.startsWith('get-'))).toBe(true)
    expect(await run(service, 'everything', 'echo', { message: 'hello' })).toMatchObject({ text: 'Echo: hello', outcome: 'ok', isCut: false })
    expect((await run(service, 'everything', 'get-sum', { a: 2, b: 40 })).text).toContain('42')
    expect((await run(service, 'everything', 'echo', {})).outcome).toMatch(/failed|refused/)
  })

  it('reads a file through the reference file server, and not beyond its folder', async () => {
    const folder = mkdtempSync(join(realpathSync(tmpdir()), 'tollgate-mcp-'))
    writeFileSync(join(folder, 'note.txt'), 'the answer is 42')
    const service = start({ name: 'files', transport: 'stdio', command: process.execPath, args: [FILES, folder] })
    expect(await run(service, 'files', 'read_text_file', { path: join(folder, 'note.txt') })).toMatchObject({ text: 'the answer is 42', outcome: 'ok' })
    expect(await run(service, 'files', 'read_text_file', { path: '/etc/passwd' })).toMatchObject({ isError: true, outcome: 'failed' })
    rmSync(folder, { recursive: true })
  })

  describe('over streamable HTTP', () => {
    let child: ChildProcess | null = null
    let port: number
    const listen = async () => {
      child = spawn(process.execPath, [EVERYTHING, 'streamableHttp'], { env: { PORT: String(port), PATH: process.env.PATH }, stdio: 'ignore' })
      await eventually(async () => expect((await fetch(`http://127.0.0.1:${port}/mcp`)).status).toBeGreaterThanOrEqual(400))
    }
    const stop = async () => {
      const gone = new Promise((resolve) => child?.once('exit', resolve))
      child?.kill('SIGKILL')
      await gone
    }
    beforeEach(async () => {
      port = await freePort()
      await listen()
    })
    afterEach(stop)

    it('offers and calls tools, and begins a new session when the server forgot ours', async () => {
      const service = start({ name: 'everything', transport: 'streamable_http', url: `http://127.0.0.1:${port}/mcp` })
      expect((await run(service, 'everything', 'echo', { message: 'far' })).text).toBe('Echo: far')
      await stop()
      expect((await run(service, 'everything', 'echo', { message: 'gone' })).isError).toBe(true)
      await listen()
      await eventually(async () => expect((await run(service, 'everything', 'echo', { message: 'back' })).text).toBe('Echo: back'), { timeoutMs: 15_000 })
    })
  })

  describe('over HTTP, from a server that misbehaves', () => {
    let server: Server
    let mode: string
    let sessions = 0
    const seen: IncomingHttpHeaders[] = []
    beforeEach(async () => {
      mode = 'ok'
      sessions = 0
      seen.length = 0
      server = createServer((request, response) => {
        seen.push(request.headers)
        if (request.method !== 'POST') return void response.writeHead(405).end()
        let text = ''
        request.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => answer(JSON.parse(text) as Asked, response))
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    })
    afterEach(() => {
      server.closeAllConnections()
      server.close()
    })
    interface Asked {
      readonly id?: number
      readonly method: string
      readonly params: { readonly protocolVersion: string; readonly name: string }
    }
    const answer = ({ id, method, params }: Asked, response: ServerResponse) => {
      const say = (message: object, headers: Record<string, string> = {}) => response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify({ jsonrpc: '2.0', id, ...message }))
      if (mode === 'locked') return response.writeHead(401).end('who are you?')
      if (mode === 'sick' && method === 'tools/list') return response.writeHead(500).end('I was sent of-the-operator')
      if (mode.startsWith('modern')) return modern(method, say)
      if (method === 'server/discover') return say({ error: { code: -32601, message: 'no such method' } })
      if (id === undefined) return response.writeHead(202).end()
      if (method === 'initialize') return say({ result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'h', version: '1' } } }, { 'mcp-session-id': String(++sessions) })
      if (method === 'tools/list') return say({ result: { tools: [{ name: 'do', inputSchema: { type: 'object' } }] } })
      const sse = () => response.writeHead(200, { 'content-type': 'text/event-stream' })
      const done = { jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: `done in session ${sessions}` }] } }
      if (mode === 'ok') return sse().end(`: hello\n\ndata: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'on it' } })}\n\ndata: ${JSON.stringify(done)}\n\n`)
      if (mode === 'hang') return
      if (mode === 'flood') {
        const more = () => {
          while (!response.destroyed && response.write(`data: ${'x'.repeat(60_000)}\n\n`));
          if (!response.destroyed) response.once('drain', more)
        }
        return sse(), more()
      }
      if (mode === 'reset') return response.socket!.destroy()
      if (mode === 'html') return response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')
      if (mode === 'broken') return response.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":')
      if (mode === 'away') return response.writeHead(307, { location: 'http://169.254.169.254/' }).end()
      if (mode === 'forgot') return (mode = 'ok'), response.writeHead(404).end()
      return response.writeHead(500).end('boom')
    }
    /** The protocol of 2026-07-28: no handshake, no session, every result says that it is one. */
    const modern = (method: string, say: (message: object) => void) => {
      if (method === 'server/discover') return say({ result: { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, ttlMs: 60_000, cacheScope: 'public', _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'm', version: '1' } } } })
      if (method === 'tools/list') return say({ result: { resultType: 'complete', tools: [{ name: 'do', inputSchema: { type: 'object' } }], ttlMs: 0, cacheScope: 'public' } })
      if (mode === 'modern-asks') return say({ result: { resultType: 'input_required', requestState: 's', inputRequests: { who: { method: 'elicitation/create', params: { mode: 'form', message: 'who are you?', requestedSchema: { type: 'object', properties: {} } } } } } })
      return say({ result: { resultType: 'complete', content: [{ type: 'text', text: 'done without a session' }] } })
    }
    const begin = () => start({ name: 'far', transport: 'http', url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, headers: { authorization: 'Bearer of-the-operator' }, limits: { timeout_ms: 400, start_ms: 2_000 } })

    it('hears a result among other events, and sends the headers of the file and no others', async () => {
      expect((await run(begin(), 'far', 'do')).text).toBe('done in session 1')
      expect(new Set(seen.map((headers) => headers.authorization))).toEqual(new Set(['Bearer of-the-operator']))
      expect(seen.some((headers) => 'origin' in headers || 'cookie' in headers)).toBe(false)
    })

    it('speaks the newer protocol with a server that has it, and takes a wish for input as a failure', async () => {
      mode = 'modern'
      const service = begin()
      expect((await run(service, 'far', 'do')).text).toBe('done without a session')
      expect([sessions, seen.at(-1)!['mcp-protocol-version']]).toEqual([0, '2026-07-28'])
      mode = 'modern-asks'
      expect(await run(service, 'far', 'do')).toMatchObject({ isError: true, text: expect.not.stringContaining('who are you') })
    })

    it('begins a new session where the server forgot it, and calls once more', async () => {
      const service = begin()
      await run(service, 'far', 'do')
      mode = 'forgot'
      expect((await run(service, 'far', 'do')).text).toBe('done in session 2')
    })

    it.each([['hang', 'timeout'], ['flood', 'timeout'], ['reset', 'unavailable'], ['html', 'unavailable'], ['broken', 'unavailable'], ['away', 'unavailable'], ['error', 'unavailable']])('makes a fault of %s within the time of a call, and goes on', async (how, outcome) => {
      const service = begin()
      await run(service, 'far', 'do')
      mode = how
      const fault = await run(service, 'far', 'do')
      expect(fault).toMatchObject({ isError: true, outcome })
      expect(fault.durationMs).toBeLessThan(5_000)
      expect(fault.text).not.toMatch(/127\.0\.0|boom|html/)
      mode = 'ok'
      await eventually(async () => expect((await run(service, 'far', 'do')).outcome).toBe('ok'))
    })

    it('keeps what it sends out of the log, also where the server says it back', async () => {
      mode = 'sick'
      await begin().offer(['far'], 'free', NONE)
      expect(logged.join()).toMatch(/I was sent \[redacted\]/)
    })

    it('offers nothing of a server that refuses our key, and tells nobody its words', async () => {
      mode = 'locked'
      const { tools, warnings } = await begin().offer(['far'], 'free', NONE)
      expect([tools, warnings]).toEqual([[], ['tools of far were not offered: its server is not available right now']])
    })
  })

  it('refuses an address that hosts may not have', () => {
    const service = new McpService(parseEnvironment({}) as ClusterConfig, systemClock, logger, new Metrics())
    expect(service.configure(serversOf(mcpSectionSchema.parse({ servers: [{ name: 'meta', transport: 'http', url: 'http://169.254.169.254/' }] })))).toEqual([{ server: 'meta', reason: expect.stringContaining('metadata') }])
  })

  it('gives a server nothing of our environment', async () => {
    const service = start(rogue('ok', { env: { TOKEN: 'abc' } }))
    const seen = JSON.parse((await run(service, 'rogue', 'env')).text) as Record<string, string>
    expect(Object.keys(seen).filter((name) => !['PATH', 'LC_ALL', 'TOKEN', 'PWD', 'OLDPWD', 'SHLVL', '_'].includes(name))).toEqual([])
    expect(seen.TOKEN).toBe('abc')
  })

  it.each([
    ['refuse', { outcome: 'refused', isError: true, text: 'The tool failed: its server refused the call: text must be a colour' }],
    ['fail', { outcome: 'failed', isError: true, text: 'The tool failed: the disk is full' }],
    ['noise', { outcome: 'ok', text: 'after the noise' }],
    ['garbage', { isError: true }],
    ['picture', { outcome: 'ok', text: '[image image/png, not shown]' }],
    ['nothing', { outcome: 'ok', text: 'The tool gave no text.' }],
    ['odd.name', { outcome: 'ok', text: 'odd' }],
  ])('puts %s into words for the model', async (tool, expected) => {
    expect(await run(start(rogue()), 'rogue', tool)).toMatchObject(expected)
  })

  it('cuts a result at the bytes allowed, between characters, and says so', async () => {
    const { text, isCut, bytes } = await run(start(rogue('ok', { limits: { result_bytes: 101 } })), 'rogue', 'big', { n: 1_000 })
    expect([isCut, bytes]).toEqual([true, 2_000])
    expect(text).toBe(`${'é'.repeat(50)}\n[cut: the result was 2000 bytes, the first 101 are shown]`)
  })

  it('gives up on a tool that hangs, and starts a server anew that always hangs', async () => {
    const service = start(rogue('ok', { limits: { timeout_ms: 1_500 } }))
    const before = (await run(service, 'rogue', 'pid')).text
    expect(await run(service, 'rogue', 'hang')).toMatchObject({ outcome: 'timeout', text: 'The tool failed: its server did not answer in time' })
    expect((await run(service, 'rogue', 'pid')).text).toBe(before)
    for (let i = 0; i < 3; i++) expect((await run(service, 'rogue', 'hang')).outcome).toBe('timeout')
    await eventually(async () => expect(await run(service, 'rogue', 'pid')).toMatchObject({ outcome: 'ok', text: expect.not.stringMatching(before) }))
    expect(isAlive(Number(before))).toBe(false)
  })

  it.each(['flood', 'long', 'die'])('ends a server on %s within bounds, and starts it again', async (tool) => {
    const service = start(rogue())
    const first = (await run(service, 'rogue', 'pid')).text
    expect(await run(service, 'rogue', tool)).toMatchObject({ isError: true, outcome: tool === 'die' ? 'died' : 'flooded' })
    await eventually(async () => expect(isAlive(Number(first))).toBe(false))
    await eventually(async () => expect((await run(service, 'rogue', 'echo', { text: 'again' })).text).toBe('echo: again'))
    expect(await metrics.registry.metrics()).toContain(`tollgate_tool_server_events_total{server="rogue",event="${tool === 'die' ? 'died' : 'flooded'}"} 1`)
  })

  it('waits for a list of tools that does not come once, and then not until it may ask anew', async () => {
    const service = start(rogue('listless', { limits: { start_ms: 3_000 } }))
    await Promise.all([1, 2, 3].map(async () => expect((await service.offer(['rogue'], 'free', NONE)).warnings).toEqual(['tools of rogue were not offered: its server did not answer in time'])))
    const startedMs = systemClock.monotonicMs()
    expect((await service.offer(['rogue'], 'free', NONE)).warnings).toEqual(['tools of rogue were not offered: its server is not available right now'])
    // It was not asked: that would have taken the whole of its time to start.
    expect(systemClock.monotonicMs() - startedMs).toBeLessThan(2_000)
    expect(logged).toEqual([expect.stringContaining('timeout')])
  })

  it.each(['dead', 'silent', 'nonsense', 'flood'])('offers nothing of a server that is %s, with a warning, and asks it less and less often', async (mode) => {
    // Who ends by itself is waited for until it has: its last words tell why.
    const service = start(rogue(mode, { env: { KEY: 'SECRET-VALUE' }, limits: { start_ms: mode === 'dead' ? 10_000 : 300 } }))
    const warned = { tools: [], rounds: Infinity, warnings: ['tools of rogue were not offered: its server is not available right now'] }
    for (let i = 0; i < 5; i++) expect(await service.offer(['rogue'], 'free', NONE)).toEqual(warned)
    expect(logged).toHaveLength(1)
    expect(logged[0]).not.toContain('SECRET-VALUE')
    if (mode === 'dead') expect(logged[0]).toContain('ended with 2: cannot read /srv/nowhere with key [redacted]')
    await eventually(async () => {
      await service.offer(['rogue'], 'free', NONE)
      expect(logged.length).toBeGreaterThan(1)
    })
  })

  it('says that a server is not in the file, and leaves out in silence what a tier may not use', async () => {
    const service = start(rogue('ok', { tiers: ['gold'] }))
    expect(await service.offer(['rogue', 'other'], 'free', NONE)).toMatchObject({ tools: [], warnings: ['tools of other were not offered: this gateway does not have its server'] })
    expect((await service.offer(['rogue'], 'gold', NONE)).tools).not.toEqual([])
  })

  it('offers other tools once a server says that it has others', async () => {
    const service = start(rogue())
    expect((await service.offer(['rogue'], 'free', NONE)).tools.map(({ tool }) => tool)).not.toContain('grown')
    await run(service, 'rogue', 'grow')
    await eventually(async () => expect((await service.offer(['rogue'], 'free', NONE)).tools.map(({ tool }) => tool)).toContain('grown'))
  })

  it('ends a call at once when its client leaves', async () => {
    const service = start(rogue())
    const leaving = new AbortController()
    const call = run(service, 'rogue', 'hang', {}, leaving.signal)
    await run(service, 'rogue', 'echo', { text: 'x' })
    leaving.abort()
    expect((await call).outcome).toBe('cancelled')
    expect((await run(service, 'rogue', 'echo', { text: 'on' })).text).toBe('echo: on')
  })

  it('counts calls by server and tool, and has a bounded number of labels', async () => {
    const service = start(rogue())
    await run(service, 'rogue', 'echo', { text: 'x' })
    expect(await metrics.registry.metrics()).toContain('tollgate_tool_calls_total{server="rogue",tool="echo",outcome="ok"} 1')
    for (let i = 0; i < 200; i++) metrics.toolCall({ server: 'rogue', tool: `t${i}`, outcome: 'ok', durationMs: 1 })
    expect((await metrics.registry.metrics()).match(/^tollgate_tool_calls_total\{/gm)!.length).toBeLessThanOrEqual(66)
  })

  it('ends what does not want to end, and what that started, when it is closed', async () => {
    const mark = `mark-${process.pid}-${Math.random()}`
    const service = start({ ...rogue(), args: [ROGUE, 'stubborn', mark] })
    const pid = Number((await run(service, 'rogue', 'pid')).text)
    const started = () => execFileSync('ps', ['-eo', 'args']).toString().split('\n').filter((line) => line.includes(mark) && !line.includes('mcp-rogue'))
    expect([isAlive(pid), started().length]).toEqual([true, 1])
    await service.onApplicationShutdown()
    await eventually(() => expect(isAlive(pid)).toBe(false), { timeoutMs: 10_000 })
    await eventually(() => expect(started()).toEqual([]), { timeoutMs: 10_000 })
  })
})
