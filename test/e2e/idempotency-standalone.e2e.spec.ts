import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startSandbox, type Sandbox } from '../../apps/sandbox/src'
import { eventually, freePort, spawnApp, tempFolder, type SpawnedApp } from '../support'

describe('Idempotency-Key on an installation in one process', () => {
  const folder = tempFolder()
  let sandbox: Sandbox
  let app: SpawnedApp
  let env: Record<string, string>
  let apiKey: string

  beforeAll(async () => {
    sandbox = await startSandbox({ hosts: [{ name: 'ollama', region: 'us-east', dialect: 'ollama', models: ['llama3.2'] }] })
    env = { TOLLGATE_DATA_DIR: folder.path, PORT: String(await freePort()), OLLAMA_BASE_URL: sandbox.hosts[0]!.baseUrl, OLLAMA_DEFAULT_MODEL: 'llama3.2', TOLLGATE_LEASE_MS: '1500', TOLLGATE_CHECKPOINT_MS: '100' }
    await start()
    const { tenants } = JSON.parse(readFileSync(join(folder.path, 'standalone.json'), 'utf8')) as { tenants: { slug: string; api_key: string }[] }
    apiKey = tenants.find(({ slug }) => slug === 'umbrella-enterprise')!.api_key
  }, 90_000)
  // A call that still ends there would stay in its log.
  beforeEach(async () => {
    await eventually(() => expect(host().stats().active).toBe(0))
    await host().reset()
  })
  afterAll(async () => {
    await app?.stop()
    await sandbox.close()
    folder.remove()
  }, 30_000)

  async function start(): Promise<void> {
    app = await spawnApp('apps/standalone/src/main', env, { line: /Ctrl-C stops everything/ }, { timeoutMs: 60_000 })
  }
  const host = () => sandbox.host('ollama')
  const upstream = () => host().log().filter(({ path }) => path === '/api/chat').map((entry) => entry.request_id)
  const send = (key: string) =>
    fetch(`http://127.0.0.1:${env.PORT}/chat`, { method: 'POST', body: JSON.stringify({ message: 'one two', model: 'llama3.2', stream: true }), headers: { 'x-api-key': apiKey, 'content-type': 'application/json', 'idempotency-key': key } })

  it('of a hundred twins one is answered and one reaches the host', async () => {
    await host().set('ok;words=20;gap=20;delay=300')
    const responses = await Promise.all(Array.from({ length: 100 }, () => send('twins')))
    const texts = await Promise.all(responses.map((response) => response.text()))
    expect(responses.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(responses.filter(({ status }) => status === 409)).toHaveLength(99)
    expect(texts.filter((text) => text.includes('data: [DONE]'))).toHaveLength(1)
    expect(upstream()).toHaveLength(1)
  }, 30_000)

  it('killed in mid-call: after its next start it tells what was billed, and runs nothing twice', async () => {
    await host().set('ok;words=500;gap=20')
    const response = await send('killed')
    const rid = response.headers.get('x-request-id')!
    const reader = response.body!.getReader()
    for (let text = ''; text.split('"delta"').length < 30; ) text += Buffer.from((await reader.read()).value!).toString()
    void reader.closed.catch(() => undefined)
    await app.stop('SIGKILL')
    await start()
    const reply = await eventually(async () => {
      const retried = await send('killed')
      const body = (await retried.json()) as { code: string; original: { cost: string; usage: { completion_tokens: number } } }
      expect([retried.status, body.code]).toEqual([409, 'already_completed'])
      return body
    })
    expect(reply.original).toMatchObject({ request_id: rid, status: 'aborted' })
    expect(Number(reply.original.cost)).toBeGreaterThan(0)
    expect(upstream()).toEqual([rid])
    const record = (await (await fetch(`http://127.0.0.1:${env.PORT}/v1/requests/${rid}`, { headers: { 'x-api-key': apiKey } })).json()) as { cost: string }
    expect(record.cost).toBe(reply.original.cost)
  }, 90_000)
})
