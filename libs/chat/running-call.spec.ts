import type { Caller, ChatRequest } from '@tollgate/kernel'
import type { Reservation } from '@tollgate/limits'
import type { Selection } from './access.service'
import type { PricedCandidate } from './plan'
import { RunningCall } from './running-call'

const CALLER = { tenant: { id: 'tenant' }, key: { id: 'key' } } as unknown as Caller
const REQUEST: ChatRequest = { model: 'm', messages: [{ role: 'user', content: 'Hi' }], stream: true, maxTokens: null, project: null, parameters: {}, bodyBytes: 1 }
const SELECTION = { project: null, requestedModel: 'm', model: { name: 'm' }, allowedRegions: ['eu'] } as unknown as Selection
const RESERVATION = { budgets: [], admittedAtMs: 0 } as unknown as Reservation
const target = (host: string) => ({ candidate: { model: 'm', provider: 'openrouter', region: 'eu', hostName: host, upstreamModel: 'm', digest: null }, price: null, providerPrice: null }) as unknown as PricedCandidate

/** Attempts of the claim as it stands, should its gateway die now: host, outcome, and the name to ask for its cost by. */
function attemptsOf(call: RunningCall): string[] {
  return call.progress(RESERVATION, 10).claim.provider_attempts.map(({ host, outcome, generation }) => `${host} ${outcome} ${generation}`)
}

describe('a running call', () => {
  it('knows under which name its cost can be asked for, from the moment the provider said it, for that attempt alone', () => {
    const call = new RunningCall('rid', CALLER, REQUEST, SELECTION, 'chat', 0)
    call.beginAttempt(target('a'), 0, 1_000, () => null)
    expect(attemptsOf(call)).toEqual(['a swept undefined'])
    call.noteGeneration('gen-1')
    expect(attemptsOf(call)).toEqual(['a swept gen-1'])
    call.endAttempt('cut: reset', null, false)
    call.beginAttempt(target('b'), 10, 1_000, () => null)
    expect(attemptsOf(call)).toEqual(['a cut: reset gen-1', 'b swept undefined'])
    call.noteGeneration('gen-2')
    call.endAttempt('completed', 5n, true)
    expect(attemptsOf(call)).toEqual(['a cut: reset gen-1', 'b completed undefined'])
  })

  it('names its parent in draft, progress and claim where it is one of several calls for a request, and is silent where it is not', () => {
    const parents = (...parent: [] | [string]) => {
      const call = new RunningCall('rid', CALLER, REQUEST, SELECTION, 'chat', 0, ...parent)
      const { claim } = call.progress(RESERVATION, 10)
      return [JSON.parse(call.draft([])) as object, claim].map((said) => Object.entries(said).find(([name]) => name === 'parent_rid'))
    }
    expect(parents('first')).toEqual([['parent_rid', 'first'], ['parent_rid', 'first']])
    expect(parents()).toEqual([undefined, undefined])
  })
})
