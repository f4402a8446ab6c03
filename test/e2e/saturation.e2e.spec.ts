import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CatalogService } from '@tollgate/catalog'
import { HostsService } from '@tollgate/hosts'
import { redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { seedUpstreams } from '../support/seeding'

const SERVICE_MS = 40

/** An Ollama of one slot: it works on one call, queues the next and would answer 503 past its queue. Counts what it holds. */
function startOllama(): Promise<{ url: string; server: Server; most: () => number; served: () => number }> {
  let held = 0
  let most = 0
  let served = 0
  const queue: ServerResponse[] = []
  const work = () => {
    const response = queue[0]
    if (!response) return
    setTimeout(() => {
      queue.shift()
      held--
      served++
      response.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(`${JSON.stringify({ model: 'phi3', message: { role: 'assistant', content: 'served' }, done: true, done_reason: 'stop', prompt_eval_count: 3, eval_count: 1 })}\n`)
      work()
    }, SERVICE_MS)
  }
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      held++
      most = Math.max(most, held)
      if (queue.length >= 512) {
        held--
        return response.writeHead(503).end('{"error":"server busy, please try again.  maximum pending requests exceeded"}')
      }
      if (queue.push(response) === 1) work()
    })
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve({ server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, most: () => most, served: () => served })))
}

// T21: a host is never given more than it works on, and nobody waits for a slot for longer than two seconds.
describe('an Ollama host of one slot under two hundred callers', () => {
  let stack: Stack
  let tenant: SeededTenant
  let ollama: Awaited<ReturnType<typeof startOllama>>
  beforeAll(async () => {
    ollama = await startOllama()
    stack = await startStack({ redisUrl: redisTargets().at(-1)!.url, hosts: [], env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' } })
    await seedUpstreams(stack.owner, [{ name: 'one-slot', region: 'us-east', dialect: 'ollama', models: ['phi3'], baseUrl: ollama.url }])
    await stack.owner.query('UPDATE host SET max_parallel = 1')
    await stack.gateways[0]!.get(HostsService).refresh()
    await stack.gateways[0]!.get(CatalogService).refresh()
    tenant = await stack.addTenant({ tier: 'enterprise' })
  })
  afterAll(async () => {
    await stack.stop()
    ollama.server.close()
  })

  it('is given one call at a time; who waits in vain gets 429 and a time to come back, and pays nothing', async () => {
    const replies = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const reply = await stack.post('/chat', tenant.key, { message: 'hi', model: 'phi3' })
        return { status: reply.status, body: (await reply.json()) as Record<string, unknown>, retryAfter: reply.headers.get('retry-after'), queueMs: Number(reply.headers.get('x-tollgate-queue-ms')) }
      }),
    )
    const served = replies.filter(({ status }) => status === 200)
    const turnedAway = replies.filter(({ status }) => status === 429)
    expect(served.length + turnedAway.length).toBe(200)
    expect(served.length).toBeGreaterThan(1)
    expect(turnedAway.length).toBeGreaterThan(10)
    expect(ollama.most()).toBe(1)
    expect(ollama.served()).toBe(served.length)
    for (const { body, retryAfter } of turnedAway) {
      expect(body).toEqual(expect.objectContaining({ code: 'hosts_busy', error: 'Every host of model phi3 is busy. Try again shortly.' }))
      expect(Number(retryAfter)).toBeGreaterThanOrEqual(2)
    }
    await stack.settled()
    const { rows } = await stack.owner.query<{ status: string; count: string; amount: string; attempts: string }>('SELECT status, count(*), sum(amount_pico) AS amount, sum(attempts) AS attempts FROM usage GROUP BY status ORDER BY status')
    expect(rows).toEqual([
      { status: 'completed', count: String(served.length), amount: expect.any(String), attempts: String(served.length) },
      { status: 'failed', count: String(turnedAway.length), amount: '0', attempts: '0' },
    ])
  }, 60_000)

  it('serves whoever comes when a slot is free, and gives the slot back when a waiting client leaves', async () => {
    const leaving = Array.from({ length: 20 }, () => {
      const stop = new AbortController()
      const asked = fetch(`${stack.url}/chat`, { method: 'POST', signal: stop.signal, headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' }, body: JSON.stringify({ message: 'hi', model: 'phi3' }) }).catch(() => null)
      return { stop, asked }
    })
    for (const { stop } of leaving) stop.abort()
    await Promise.all(leaving.map(({ asked }) => asked))
    for (let i = 0; i < 3; i++) expect((await stack.post('/chat', tenant.key, { message: 'hi', model: 'phi3' })).status).toBe(200)
  }, 30_000)
})
