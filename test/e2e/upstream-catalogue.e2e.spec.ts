import { TRIALS, type Fate, type Trial } from '../contract/upstream-catalogue'
import { eventually, redisTargets, startStack, type SeededTenant, type Stack } from '../support'
import { atRest, usageRow } from './evidence'
import { parseSse } from './surfaces'

jest.setTimeout(60_000)

const { url: redisUrl } = redisTargets().at(-1)!
const HOSTS = { ollama: 'llama3.2', openai: 'gpt-4o-mini', openrouter: 'openai/gpt-4o', anthropic: 'claude-haiku-4-5' } as const
const DIALECTS = Object.keys(HOSTS) as (keyof typeof HOSTS)[]
/** Time limits and certificates have specs of their own; here every limit is far away and every host speaks plain HTTP. */
const CALLS = TRIALS.filter(({ isTimed, behaviour }) => !isTimed && !behaviour.startsWith('tls-bad'))
const STATUS: Record<string, number> = { upstream_rejected: 400, context_length_exceeded: 400, model_not_available: 503, upstream_error: 502, stream_incomplete: 502, upstream_timeout: 504 }

interface Answer {
  readonly status: number
  readonly rid: string
  readonly retryAfter: string | null
  readonly shouldRetry: string | null
  readonly finish: string | null
  readonly code: string | null
  readonly isWhole: boolean
  readonly text: string
}

/** Whatever an upstream does, the tenant meets one of a few well-formed things, and is billed what the ledger can prove. */
describe('the catalogue of upstreams through the gateway', () => {
  let stack: Stack
  /** In turn: what comes late on a connection must not meet the next trial, and one party's connection is no other's at once. */
  let tenants: SeededTenant[]
  let asked = 0
  const rejections: unknown[] = []
  const note = (reason: unknown) => void rejections.push(reason)
  beforeAll(async () => {
    process.on('unhandledRejection', note)
    stack = await startStack({
      redisUrl,
      hosts: DIALECTS.map((dialect) => ({ name: dialect, region: 'us-east', dialect, models: [HOSTS[dialect]], defaults: { gap: 0 } })),
      env: { OLLAMA_AUTO_HEALTH_CHECK: 'false' },
    })
    tenants = await Promise.all(Array.from({ length: 8 * DIALECTS.length }, () => stack.addTenant({ tier: 'enterprise' })))
  })
  afterAll(async () => {
    process.off('unhandledRejection', note)
    await stack.stop()
  })

  async function ask({ behaviour, parameters = {}, maxTokens = 100 }: Trial, dialect: keyof typeof HOSTS, stream: boolean): Promise<Answer> {
    await stack.sandbox.host(dialect).set(behaviour)
    const response = await stack.post('/v1/chat/completions', tenants[asked++ % tenants.length]!.key, { model: HOSTS[dialect], messages: [{ role: 'user', content: 'Hi' }], stream, max_tokens: maxTokens, ...parameters })
    const text = await response.text()
    const events = response.headers.get('content-type')!.includes('event-stream') ? parseSse(text).map(({ data }) => data) : null
    const values = (events ?? [text]).filter((data) => data !== '[DONE]').map((data) => JSON.parse(data) as { choices?: { finish_reason: string | null }[]; error?: { code: string } })
    return {
      status: response.status,
      rid: response.headers.get('x-request-id')!,
      retryAfter: response.headers.get('retry-after'),
      shouldRetry: response.headers.get('x-should-retry'),
      finish: values.flatMap(({ choices }) => choices ?? []).map((choice) => choice.finish_reason).filter(Boolean).join(),
      code: values.at(-1)?.error?.code ?? null,
      isWhole: events ? events.at(-1) === '[DONE]' : response.status === 200,
      text,
    }
  }

  /** What a fate looks like from outside. */
  function seen(fate: Fate): Partial<Answer> {
    const [kind, rest] = fate.split(' ') as [string, string]
    if (!(rest in STATUS)) return { status: 200, finish: kind, code: null, isWhole: true }
    if (kind === 'not_dispatched') return { status: 503, code: 'model_not_available', isWhole: false }
    if (kind === 'cut') return { status: 200, finish: '', code: rest, isWhole: false }
    return { status: STATUS[rest]!, code: rest, isWhole: false, shouldRetry: kind === 'misconfigured' ? 'false' : null }
  }

  async function expectBill({ rid }: Answer, fate: Fate, dialect: keyof typeof HOSTS): Promise<void> {
    const row = await usageRow(stack.owner, rid)
    const [, counts] = fate.split(' ')
    const isCompleted = !(counts! in STATUS)
    expect({ dialect, status: row.status }).toEqual({ dialect, status: isCompleted ? 'completed' : 'failed' })
    if (!isCompleted) return expect(row.amount_pico).toBe(0n)
    const [prompt, completion] = counts!.split('/').map((count) => (count === '-' ? null : Number(count)))
    const made = stack.sandbox.host(dialect).log().find((entry) => entry.request_id === rid)!
    if (prompt === null || completion === null) expect(row.usage_source).toBe('estimated')
    expect(prompt === null ? row.prompt_tokens <= made.prompt_tokens : row.prompt_tokens === prompt).toBe(true)
    expect({ dialect, completion: completion === null ? row.completion_tokens <= made.generated_tokens : row.completion_tokens }).toEqual({ dialect, completion: completion ?? true })
    expect(row.amount_pico).toBe(BigInt(row.prompt_tokens) * 1_000_000n + BigInt(row.completion_tokens) * 2_000_000n)
  }

  describe.each([true, false])('stream: %s', (stream) => {
    it.each(CALLS.map((trial) => [trial.number, trial.behaviour, trial] as const))('%i %s', async (_number, behaviour, trial) => {
      const fate = (stream ? undefined : trial.whole) ?? trial.stream
      const dialects = DIALECTS.filter((dialect) => !trial.only || trial.only.includes(dialect))
      await Promise.all(
        dialects.map(async (dialect) => {
          const answer = await ask(trial, dialect, stream)
          const wanted = seen(fate)
          if (behaviour === 'rate-far') Object.assign(wanted, { shouldRetry: 'false' })
          expect({ dialect, ...answer }).toMatchObject({ dialect, ...wanted })
          expect(answer.text).not.toMatch(/127\.0\.0\.1|sk-|<html|nginx/)
          if (answer.status === 503) expect(Number(answer.retryAfter)).toBeGreaterThanOrEqual(1)
          if (answer.retryAfter !== null) expect(Number(answer.retryAfter)).toBeLessThanOrEqual(60)
          await expectBill(answer, fate, dialect)
        }),
      )
      for (const dialect of dialects) await stack.sandbox.host(dialect).reset()
    })
  })

  it('leaves nothing reserved, no upstream running and no promise unheard', async () => {
    await atRest(redisUrl)
    expect(rejections).toEqual([])
    await eventually(() => expect(stack.sandbox.hosts.map((host) => host.stats().active)).toEqual(DIALECTS.map(() => 0)))
  })
})
