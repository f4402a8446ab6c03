import { startSandbox, type Dialect, type Sandbox } from '../../apps/sandbox/src'
import { SCOPES } from '../../apps/sandbox/src/catalogue/names'
import { systemClock } from '../../libs/platform/clock'
import { OutboundPools } from '../../libs/platform/outbound'
import { ProvidersService, type AttemptOutcome } from '../../libs/providers'
import { callTo, SECRET, Sink } from '../../libs/providers/scripted-call'
import { eventually } from '../support/eventually'
import { NOT_INFERENCE, TRIALS, UPSTREAMS, type Fate, type Trial } from './upstream-catalogue'

jest.setTimeout(60_000)

const MODEL = 'llama3.2'
/** Long where nothing may run out; short, and in this order, where the patience is what is tried. */
const PATIENT = { firstByteMs: 30_000, idleMs: 30_000, totalMs: 60_000 }
const IMPATIENT = { firstByteMs: 1_000, idleMs: 150, totalMs: 30_000 }

const pools = new OutboundPools({ allowedCidrs: [], allowLoopback: true, allowedPorts: [] })
const providers = new ProvidersService(pools, systemClock)
let sandbox: Sandbox
let hostIds = 0
beforeAll(async () => {
  sandbox = await startSandbox({ hosts: UPSTREAMS.map((dialect) => ({ name: dialect, region: 'eu-west', dialect, models: [MODEL, 'nomic-embed-text'], apiKey: SECRET, defaults: { gap: 0 } })) })
})
afterAll(async () => {
  await sandbox.close()
  await pools.closeAll()
})

async function attempt({ behaviour, maxTokens = 100, parameters = {}, isTimed = false }: Trial, dialect: Dialect, stream: boolean, provider: string = dialect): Promise<AttemptOutcome & { sink: Sink }> {
  const host = sandbox.host(dialect)
  await host.set(behaviour)
  const baseUrl = behaviour.startsWith('tls-bad') ? host.baseUrl.replace('http:', 'https:') : host.baseUrl
  const sink = new Sink()
  // Connections of its own: what a fault leaves of them is no part of the next trial.
  const hostId = `h${++hostIds}`
  const call = callTo(baseUrl, provider, MODEL, { stream, maxTokens, limits: isTimed ? IMPATIENT : PATIENT, parameters })
  const outcome = await providers.adapterFor(provider)!.chat({ ...call, target: { ...call.target, hostId } }, sink)
  await host.reset()
  void pools.closeHost(hostId)
  return { ...outcome, sink }
}

function fateOf({ finishReason, failure, usage, reported }: AttemptOutcome): Fate {
  if (failure) return `${failure.class} ${failure.code} ${failure.blames}`
  const { promptTokens, completionTokens } = usage ?? reported
  return `${finishReason} ${promptTokens ?? '-'}/${completionTokens ?? '-'}`
}

it('tries every behaviour the sandbox has', () => {
  const tried = new Set(TRIALS.map(({ behaviour }) => behaviour.split(';')[0]))
  expect([...SCOPES.keys()].filter((name) => !tried.has(name) && !NOT_INFERENCE.includes(name))).toEqual([])
})

describe.each([true, false])('stream: %s', (stream) => {
  it.each(TRIALS.map((trial) => [trial.number, trial.behaviour, trial] as const))('%i %s', async (_number, _behaviour, trial) => {
    const dialects = UPSTREAMS.filter((dialect) => !trial.only || trial.only.includes(dialect))
    const outcomes = await Promise.all(dialects.map((dialect) => attempt(trial, dialect, stream)))
    const expected = (stream ? undefined : trial.whole) ?? trial.stream
    expect(Object.fromEntries(dialects.map((dialect, index) => [dialect, fateOf(outcomes[index]!)]))).toEqual(Object.fromEntries(dialects.map((dialect) => [dialect, expected])))
    for (const { failure, flags, sink, pushedEvents } of outcomes) {
      if (trial.flag && !failure) expect(flags).toContain(trial.flag)
      expect(sink.events).toHaveLength(pushedEvents)
      expect(JSON.stringify([failure, flags])).not.toMatch(/sk-live|127\.0\.0\.1|<html/)
      // Nothing retries what may have been done, and nothing hides what was delivered.
      if (failure) expect(failure.class === 'cut').toBe(pushedEvents > 0)
    }
    await eventually(async () => expect(sandbox.hosts.map((host) => host.stats().active)).toEqual(sandbox.hosts.map(() => 0)))
  })
})

it.each([
  ['tool-repeat', ['ollama'], 1], ['tool-repeat;kind=whole', ['openai', 'openrouter', 'vllm', 'llamacpp'], 1],
  ['tool-same-index', ['openai', 'openrouter', 'vllm', 'llamacpp'], 2], ['tool-reordered', ['openai', 'openrouter', 'vllm', 'llamacpp'], 2],
] as const)('%s: every call is told once, whole and under a number and an id of its own', async (behaviour, dialects, count) => {
  const { parameters } = TRIALS.find((trial) => trial.behaviour === behaviour)!
  for (const stream of [true, false]) {
    for (const dialect of dialects) {
      const { sink } = await attempt({ number: 130, behaviour, stream: '', parameters }, dialect, stream)
      const calls = new Map<number, string>()
      const [ids, names] = [new Set<string>(), [] as string[]]
      for (const event of sink.events) {
        if (event.kind !== 'tool_call') throw new Error(`a ${event.kind} among the calls`)
        if (event.id) ids.add(event.id)
        if (event.name) names.push(event.name)
        calls.set(event.index, (calls.get(event.index) ?? '') + (event.arguments ?? ''))
      }
      const cities = [...calls].map(([index, text]) => [index, (JSON.parse(text) as { city: string }).city])
      expect({ dialect, stream, ids: ids.size, names, cities }).toEqual({ dialect, stream, ids: count, names: ['get_weather', 'get_time'].slice(0, count), cities: [[0, 'Paris'], [1, 'Rome']].slice(0, count) })
    }
  }
})

/** Servers that speak as OpenAI does but for what their quirks say (domain/quirks.ts). */
it.each(['together', 'lmstudio', 'universal', 'openai-compatible'])('%s: every behaviour has the fate it has at OpenAI, asked in the words that it knows', async (provider) => {
  const trials = TRIALS.filter(({ only, isTimed, behaviour }) => !isTimed && !/^(?:burst|long-line|tls-bad|stale|slow)/.test(behaviour) && (!only || only.includes('openai')))
  const fates = [true, false].flatMap((stream) => trials.map((trial) => [`${trial.behaviour} ${stream}`, (stream ? undefined : trial.whole) ?? trial.stream]))
  const seen: [string, Fate][] = []
  for (const stream of [true, false]) for (const trial of trials) seen.push([`${trial.behaviour} ${stream}`, fateOf(await attempt(trial, 'openai', stream, provider))])
  expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(fates))
  await sandbox.host('openai').set('ok')
  await providers.adapterFor(provider)!.chat(callTo(sandbox.host('openai').baseUrl, provider, MODEL, { limits: PATIENT }), new Sink())
  const { max_tokens: limit, max_completion_tokens: newer, stream_options: options } = sandbox.host('openai').log().at(-1)!.body as Record<string, unknown>
  expect([limit, newer, options]).toEqual([100, undefined, { include_usage: true }])
})

describe('embeddings', () => {
  const EMBEDDER = 'nomic-embed-text'
  it.each([
    ['ok', 'ok'], ['no-usage', 'ok'], ['no-model-embed', 'refused model_not_available deployment'], ['busy', 'refused model_not_available host'], ['rate', 'refused model_not_available nobody'],
    ['http500', 'ambiguous upstream_error host'], ['gateway-html', 'ambiguous upstream_error host'], ['redirect', 'misconfigured upstream_error nobody'], ['no-key', 'misconfigured upstream_error nobody'],
    ['reset-first', 'ambiguous upstream_error host'], ['refuse', 'not_dispatched upstream_error host'], ['gzip', 'ambiguous upstream_error host'],
  ])('%s: %s', async (behaviour, fate) => {
    for (const dialect of ['ollama', 'openai', 'vllm'] as const) {
      const host = sandbox.host(dialect)
      await host.set(behaviour)
      const call = callTo(host.baseUrl, dialect, EMBEDDER, { stream: false, limits: PATIENT })
      const outcome = await providers.adapterFor(dialect)!.chat({ ...call, target: { ...call.target, hostId: `h${++hostIds}` }, request: { ...call.request, embedding: { dimensions: null } } }, new Sink())
      await host.reset()
      expect({ dialect, fate: outcome.failure ? fateOf(outcome) : 'ok', vectors: outcome.vectors?.length ?? 0 }).toEqual({ dialect, fate, vectors: fate === 'ok' ? 1 : 0 })
    }
  })
})

it('waits as long as it is told, within an hour, and only for a 429 or a 503', async () => {
  const waits = async (behaviour: string) => (await attempt({ number: 43, behaviour, stream: '' }, 'openai', true)).failure?.retryAfterMs
  expect([await waits('rate;seconds=2'), await waits('rate-ms;ms=150'), await waits('rate-far'), await waits('busy'), await waits('http500')]).toEqual([2_000, 150, 3_600_000, null, null])
})

it('a prompt that is too long is refused with both numbers in every dialect', async () => {
  for (const dialect of UPSTREAMS) {
    const { failure } = await attempt({ number: 33, behaviour: 'too-long;needed=1519;ctx=256', stream: '' }, dialect, true)
    expect({ dialect, ...failure!.words }).toEqual({ dialect, used: 1519, limit: 256 })
  }
})

it('all of it leaves the process as it was', async () => {
  const rejections: unknown[] = []
  const note = (reason: unknown) => rejections.push(reason)
  process.on('unhandledRejection', note)
  const trials = TRIALS.filter(({ isTimed, behaviour }) => !isTimed && !/^(?:burst|long-line)/.test(behaviour))
  const round = async () => {
    for (const trial of trials) await Promise.all((trial.only ?? UPSTREAMS).map((dialect) => attempt(trial, dialect, true)))
    global.gc?.()
    return process.memoryUsage().rss
  }
  const first = await round()
  const grownBytes = (await round()) - first
  process.off('unhandledRejection', note)
  expect(rejections).toEqual([])
  expect(grownBytes).toBeLessThan(50 * 1024 * 1024)
})
