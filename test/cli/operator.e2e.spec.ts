import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { main } from '../../apps/cli/src/main'
import { startAdmin, type AdminApp } from '../admin/admin-app'
import { eventually, redisTargets, startStack, tempFolder, type Stack } from '../support'
import { SECRET } from '../support/seeding'

const redisUrl = redisTargets().at(-1)!.url

describe('tollgate for operators', () => {
  const folder = tempFolder()
  let stack: Stack
  let admin: AdminApp
  let server: string
  let token: string
  let apiKey: string
  let slug: string
  beforeAll(async () => {
    stack = await startStack({ redisUrl, hosts: [{ name: 'gpu-1', region: 'us-east', dialect: 'ollama', models: ['phi3', 'llama3.2'] }, { name: 'gpu-2', region: 'eu-west', dialect: 'ollama', models: ['phi3'] }] })
    admin = await startAdmin({ TOLLGATE_KEY_PEPPER: SECRET, TOLLGATE_JWT_SECRET: SECRET, TOLLGATE_SECRETS_KEY: SECRET }, stack.database)
    await admin.app.listen(0, '127.0.0.1')
    server = await admin.app.getUrl()
    token = await admin.personToken('owner')
    ;({ key: apiKey, slug } = await stack.addTenant())
  })
  afterAll(async () => {
    await admin.stop()
    await stack.stop()
    folder.remove()
  })

  async function run(argv: readonly string[], { input, env = {}, isTTY = false, interruptAt }: { input?: string; env?: Record<string, string>; isTTY?: boolean; interruptAt?: string } = {}) {
    let [out, err] = ['', '']
    const stdin = input === undefined ? new PassThrough() : Readable.from([input])
    const interrupts = new Set<() => void>()
    const onInterrupt = (listener: () => void) => {
      interrupts.add(listener)
      return () => interrupts.delete(listener)
    }
    const writeError = (text: string) => {
      err += text
      if (interruptAt !== undefined && text.includes(interruptAt)) for (const interrupt of interrupts) interrupt()
    }
    const code = await main({ argv, env: { HOME: folder.path, ...env }, cwd: folder.path, stdin, stdout: { write: (text) => (out += text) }, stderr: { isTTY, columns: 80, write: writeError }, onInterrupt })
    return { code, out, err }
  }
  const as = (options: Parameters<typeof run>[1] = {}) => ({ ...options, env: { TOLLGATE_URL: server, TOLLGATE_GATEWAY_URL: stack.url, TOLLGATE_TOKEN: token, TOLLGATE_API_KEY: apiKey } })
  const tollgate = (...argv: string[]) => run(argv, as())
  const json = async (...argv: string[]) => JSON.parse((await tollgate(...argv, '--json')).out)

  it('pulls a model with a line for each step, or a bar for each host at a terminal, and ends with what became of it', async () => {
    const pulled = await tollgate('models', 'pull', 'tinyllama', '--hosts', 'gpu-1,gpu-2')
    expect(pulled).toMatchObject({ code: 0, out: expect.stringMatching(/^Done on gpu-[12], gpu-[12]\.\n$/), err: expect.stringMatching(/gpu-1: (queued|running|pulling .*)\n[\s\S]*gpu-1: succeeded\n/) })
    const drawn = await run(['models', 'pull', 'qwen2.5:3b', '--regions', 'eu-west'], as({ isTTY: true }))
    expect(drawn.err).toMatch(/gpu-2 {2}░{24} {3}0% {2}.+\n[\s\S]*gpu-2 {2}█{24} 100% {2}done\n$/)
    expect(drawn.err.split('\n').every((line) => line.length < 80 + 10)).toBe(true)
    expect(await tollgate('models', 'pull', 'nope-x', '--hosts', 'gpu-1')).toMatchObject({ code: 1, out: 'gpu-1: failed, pull model manifest: file does not exist\n1 of 1 failed.\n' })
    expect(await tollgate('models', 'pull', 'phi3', '--hosts', 'gpu-9')).toMatchObject({ code: 1, err: expect.stringContaining('hosts names gpu-9') })
    expect((await run(['models', 'pull', 'tinyllama', '--hosts', 'gpu-1', '--json'], as())).err).toBe('')
  })

  it('leaves a pull to its host at Ctrl-C, and ends it when it is told to', async () => {
    const host = stack.sandbox.hosts[0]!
    host.set('pull-stall')
    const left = await run(['models', 'pull', 'mistral:7b', '--hosts', 'gpu-1'], { ...as(), interruptAt: 'pulling ' })
    expect(left).toMatchObject({ code: 130, out: '', err: expect.stringContaining('The hosts go on') })
    const [{ id, state }] = await json('jobs', 'list', '--model', 'mistral:7b')
    expect(state).toBe('running')
    expect((await tollgate('jobs', 'cancel', id)).out).toMatch(/^pull of mistral:7b on gpu-1: (running|cancelled)\n$/)
    await eventually(async () => expect(await json('jobs', 'list', '--model', 'mistral:7b', '--state', 'cancelled')).toHaveLength(1), { timeoutMs: 20_000 })
    host.set('ok')
  })

  it('creates from a Modelfile, refuses a faulty one by line, and deletes from every host', async () => {
    writeFileSync(join(folder.path, 'Modelfile'), 'FROM phi3\nSYSTEM You are Ada.\n')
    expect(await tollgate('models', 'create', 'ada', '-f', 'Modelfile')).toMatchObject({ code: 0, out: expect.stringContaining('Done on') })
    expect(await run(['models', 'create', 'bad', '-f', '-'], as({ input: 'FROM phi3\nPARAMETR x 1\n' }))).toMatchObject({ code: 1, err: expect.stringContaining('line 2: PARAMETR is no instruction') })
    expect(await tollgate('models', 'create', 'bad', '-f', 'nowhere')).toMatchObject({ code: 1, err: expect.stringContaining('nowhere cannot be read') })
    await eventually(async () => expect((await json('models', 'info', 'ada')).status).toBe('available'), { timeoutMs: 20_000 })
    expect(await tollgate('models', 'rm', 'ada')).toMatchObject({ code: 1, err: expect.stringContaining('say --yes') })
    expect(await tollgate('models', 'rm', 'ada', '--yes')).toMatchObject({ code: 0, out: expect.stringContaining('Done on') })
    expect(await tollgate('models', 'info', 'ada')).toMatchObject({ code: 5, err: expect.stringContaining('Pull it: tollgate models pull ada') })
    expect(await json('jobs', 'list', '--model', 'ada')).toEqual(expect.arrayContaining([expect.objectContaining({ kind: 'create', state: 'succeeded' }), expect.objectContaining({ kind: 'delete', state: 'succeeded' })]))
  })

  it('lists models, and says what a new default reaches', async () => {
    expect((await tollgate('models')).out).toMatch(/^ {2}NAME .*\n[\s\S]*\* llama3\.2 +available .* gpu-1\n/)
    expect((await tollgate('models', 'list', '--mine')).out).toMatch(/^ {2}NAME +PRICE IN\/OUT .*\n\* llama3\.2 +1\/2 USD/)
    expect((await tollgate('models', 'set-default', 'phi3')).out).toMatch(/^The platform's default is phi3\.\nThese tiers .*standard \(llama3\.2\)/)
    expect(await tollgate('models', 'set-default', 'phi3', '--tier', 'standard')).toMatchObject({ code: 0, out: 'The default of tier standard is phi3.\n' })
    expect(await json('tiers')).toContainEqual(expect.objectContaining({ slug: 'standard', version: 2, default_model: 'phi3', rpm_limit: 120 }))
    await tollgate('models', 'set-default', 'llama3.2', '--tier', 'standard')
    await admin.call('POST', '/admin/tiers', { token, body: { slug: 'bare', name: 'Bare', models: ['*'], rpm_limit: null, tpm_limit: null, max_parallel_requests: null, max_output_tokens: 100, max_budget: null } })
    const { key } = await stack.addTenant({ tier: 'bare' })
    const answering = async () => JSON.parse((await run(['chat', 'hello', '--json', '--api-key', key], { env: { TOLLGATE_URL: stack.url } })).out).model
    await eventually(async () => expect(await answering()).toBe('phi3'))
    await tollgate('models', 'set-default', 'llama3.2')
    await eventually(async () => expect(await answering()).toBe('llama3.2'))
  })

  it('points aliases of the platform, a tier and a tenant', async () => {
    expect((await tollgate('aliases', 'set', 'quick', 'phi3', '--tier', 'free')).out).toBe('quick → phi3 (tier)\n')
    expect((await tollgate('aliases', '--tier', 'free')).out).toBe('ALIAS  MODEL  SCOPE\nquick  phi3   tier\n')
    expect((await tollgate('aliases', 'rm', 'quick', '--tier', 'free')).code).toBe(0)
    expect(await json('aliases', 'list', '--tier', 'free')).toEqual([])
    expect(await tollgate('aliases', '--tier', 'free', '--tenant', 'x')).toMatchObject({ code: 2 })
    expect((await tollgate('aliases')).out).toContain('fast      phi3 ')
  })

  it('makes a tenant and a key that works, moves, rotates, revokes and removes', async () => {
    expect((await tollgate('tenants', 'create', 'newco', '--tier', 'free', '--region', 'us-east')).out).toContain('Tenant newco is in tier free.')
    const key = (await tollgate('keys', 'create', 'newco', 'ci', '--rpm', '50')).out.trim()
    expect(key).toMatch(/^tg_live_/)
    const ask = () => run(['chat', 'hello', '--api-key', key], { env: { TOLLGATE_URL: stack.url } })
    await eventually(async () => expect((await ask()).code).toBe(0))
    expect((await tollgate('tenants', 'set', 'newco', '--tier', 'standard')).out).toContain('tier standard')
    const [{ id }] = await json('keys', 'list', 'newco')
    expect((await tollgate('keys', 'rotate', 'newco', id, '--overlap', '60')).out).toMatch(/^tg_live_/)
    expect((await tollgate('keys', 'revoke', 'newco', id, '--yes')).out).toContain('is revoked')
    await eventually(async () => expect((await ask()).code).toBe(4))
    expect(await tollgate('keys', 'create', 'newco', 'x', '--rpm', 'many')).toMatchObject({ code: 2, err: expect.stringContaining('--rpm must be a whole number') })
    expect(await tollgate('tenants', 'set', 'newco')).toMatchObject({ code: 2, err: expect.stringContaining('nothing to change') })
    expect(await tollgate('tenants', 'remove', 'newco', '--yes')).toMatchObject({ code: 1, err: expect.stringContaining('Suspend it instead') })
    expect((await tollgate('tenants', 'set', 'newco', '--suspend')).out).toContain('suspended')
    await tollgate('tenants', 'create', 'brief', '--tier', 'free', '--region', 'us-east')
    expect(await tollgate('tenants', 'remove', 'brief', '--yes')).toMatchObject({ code: 0 })
    expect(await tollgate('keys', 'list', 'brief')).toMatchObject({ code: 5, err: expect.stringContaining('Tenant brief not found') })
    expect(await tollgate('keys')).toMatchObject({ code: 2, err: expect.stringContaining('Usage: tollgate keys list <tenant>') })
  })

  it('adds, drains, resumes and removes hosts', async () => {
    const added = await tollgate('hosts', 'add', 'gpu-3', '--region', 'asia-pacific', '--url', stack.sandbox.hosts[1]!.baseUrl)
    expect(added).toMatchObject({ code: 0, out: expect.stringContaining('Host gpu-3 is in asia-pacific: healthy, 3 models.') })
    expect((await tollgate('hosts', 'drain', 'gpu-3')).code).toBe(0)
    expect((await tollgate('hosts')).out).toMatch(/gpu-3 +asia-pacific +ollama +drain/)
    expect((await tollgate('hosts', 'resume', 'gpu-3')).out).toContain('healthy')
    expect((await tollgate('hosts', 'remove', 'gpu-3', '--yes')).code).toBe(0)
    expect(await tollgate('hosts', 'add', 'x', '--region', 'us-east')).toMatchObject({ code: 2, err: expect.stringContaining('--url is missing') })
    expect(await tollgate('hosts', 'add', 'x', '--region', 'nowhere', '--url', 'http://127.0.0.1:1')).toMatchObject({ code: 1, err: expect.stringContaining('not a region') })
  })

  it('shows health and costs, measures a model, and demonstrates three', async () => {
    expect(await tollgate('health')).toMatchObject({ code: 0, out: expect.stringMatching(/gateway +ready[\s\S]*control plane +ready[\s\S]*gpu-1 +us-east +healthy +closed/) })
    expect((await run(['health'], { env: { TOLLGATE_URL: server, TOLLGATE_GATEWAY_URL: stack.url } })).out).toContain('hosts are not shown')
    const bench = await json('models', 'bench', 'phi3', '-n', '2')
    expect(bench).toMatchObject({ model: 'phi3', runs: [{ tokens: expect.any(Number) }, { tokens: expect.any(Number) }], median: { total_ms: expect.any(Number) } })
    const shown = (await tollgate('demo')).out
    expect(shown).toMatch(/^Available models:\n {2}• llama3\.2 \(current\)[\s\S]*\nQuestion: [\s\S]*\nllama3\.2: w1[\s\S]*\nphi3: w1/)
    await stack.settled()
    expect((await tollgate('report', '--group-by', 'model,day')).out).toMatch(/MODEL +DAY +REQUESTS[\s\S]*phi3 +\d{4}-\d\d-\d\d +\d+ +0%[\s\S]*in all/)
    expect((await tollgate('report', '--format', 'csv')).out).toMatch(/^model,/)
    expect(await tollgate('report', '--group-by', 'colour')).toMatchObject({ code: 1, err: expect.stringContaining('group_by') })
  })

  it.each(['models list', 'models info phi3', 'models bench phi3', 'aliases', 'tiers', 'tenants', 'keys list TENANT', 'hosts', 'jobs', 'health', 'report', 'demo', 'config show', 'invoice list', 'ledger verify', 'profile', 'chat hello'])('says one JSON value and nothing else for programs: %s --json', async (line) => {
    const words = line.replace('TENANT', slug).split(' ')
    const { code, out } = await tollgate(...words, '--json')
    expect({ line, code, out: out.split('\n').length }).toEqual({ line, code: 0, out: 2 })
    expect(JSON.parse(out)).toBeInstanceOf(Object)
  })

  it('keeps profiles for several servers, and no key goes to an address it was not kept for', async () => {
    const kept = () => readFileSync(join(folder.path, '.config/tollgate/credentials.json'), 'utf8')
    expect(await run(['profile', 'set', 'prod', '--server', server, '--gateway', stack.url, '--api-key', '-'], { input: `${apiKey}\n` })).toMatchObject({ code: 0 })
    expect(statSync(join(folder.path, '.config/tollgate/credentials.json')).mode & 0o777).toBe(0o600)
    expect((await run(['chat', 'hi', '-m', 'phi3', '--profile', 'prod'])).code).toBe(0)
    expect((await run(['chat', 'hi', '-m', 'phi3', '--profile', 'prod', '--gateway', stack.url.replace('127.0.0.1', 'localhost')])).err).toContain('No API key is known')
    expect((await run(['profile', 'use', 'prod'])).code).toBe(0)
    expect((await run(['chat', 'hi', '-m', 'phi3'])).code).toBe(0)
    expect((await run(['profile'])).out).toMatch(new RegExp(`^ {2}NAME .*\n\\* prod +${server} +${stack.url} +…${apiKey.slice(-4)}\n$`))
    expect(await run(['profile', 'use', 'pord'])).toMatchObject({ code: 5, err: expect.stringContaining('Did you mean "prod"?') })
    expect((await run(['profile', 'set', 'prod', '--server', 'http://127.0.0.1:1'])).code).toBe(0)
    expect(kept()).not.toContain(apiKey)
    expect((await run(['profile', 'remove', 'prod'])).code).toBe(0)
    expect((await run(['profile'])).out).toContain('No profile is kept')
  })
})
