import { findRedisServer } from '../../libs/platform/embedded'
import { eventually } from '../support'
import { AT_REST, ledgerOf, restOf } from '../support/books'
import { addTenant } from '../support/seeding'
import { drive, type MixedCall } from '../support/traffic'
import { judge } from '../support/verdict'
import { Installation, MODEL } from './installation'
import { runRace } from './race'
import { runStandalone } from './standalone'
import { table } from './table'

const whenServer = findRedisServer() ? describe : describe.skip
const CHUNKS = 41
/** Calls that its host works on at once, as it was registered. */
const AT_ONCE = 4
/** What the demo price list asks for its model, pico a token. */
const PRICE = { input: 100_000n, output: 200_000n }

whenServer('T49: an installation in one process', () => {
  it(`T14: a client that leaves at any chunk of ${CHUNKS} is billed once, its prompt included, and no more than was made`, async () => {
    const installation = await Installation.start(60)
    try {
      const tenant = await installation.withOwner((owner) => addTenant(owner, { tier: 'enterprise' }, installation.pepper))
      const calls = Array.from({ length: CHUNKS + 1 }, (_, index): MixedCall => ({ path: '/chat', model: MODEL, words: 7, isStream: true, leavesAfter: index + 1, maxTokens: CHUNKS, tenant: 0 }))
      const outcomes = await drive(calls, AT_ONCE, () => installation.url, [tenant])
      const truth = await installation.upstream.truth(PRICE)
      const left = outcomes.filter(({ isCompleted }) => !isCompleted)
      expect(left.length).toBeGreaterThan(CHUNKS / 2)
      await atRest(installation)
      await installation.withOwner(async (owner) => {
        const { verdict, examples } = await judge(outcomes, truth, owner, [tenant])
        expect([examples, verdict.unrecorded, verdict.over, verdict.equal]).toEqual([[], 0, 0, verdict.completed])
        const ledger = await ledgerOf(owner, tenant.id)
        expect([...ledger.keys()].sort()).toEqual(truth.requestIds.sort())
        for (const { rid, call: { leavesAfter } } of left) {
          const { pico, completionTokens } = ledger.get(rid!)!
          expect(pico).toBeGreaterThanOrEqual(7n * PRICE.input)
          // A piece of body holds one event or more.
          expect(completionTokens).toBeGreaterThanOrEqual(leavesAfter! - 1)
        }
      })
    } finally {
      await installation.stop()
    }
  }, 240_000)

  it('T06: its Postgres crashes and recovers under load: no call lost, doubled, over-billed or unrecorded', async () => {
    const result = await runStandalone({ scenario: 'standalone-postgres', seed: 6, loadMs: 10_000, clients: 12 })
    process.stderr.write(`${table(result)}\n`)
    expect(result.broken).toEqual([])
    expect(result.faults.length).toBeGreaterThan(0)
    expect(result.verdict.completed).toBeGreaterThan(20)
  }, 240_000)

  it('T11: a budget for a hundred of five hundred calls at once lets in a hundred', async () => {
    const result = await runRace({ scenario: 'standalone-race', seed: 1, rounds: 2 })
    process.stderr.write(`${table(result)}\n`)
    expect(result.broken).toEqual([])
    expect(result.targets.filter(({ isMet }) => !isMet)).toEqual([])
  }, 240_000)
})

async function atRest(installation: Installation): Promise<void> {
  const { redisUrl } = installation
  if (redisUrl === null) throw new Error('the installation has no Redis of its own')
  await installation.withOwner((owner) => eventually(async () => expect(await restOf(redisUrl, owner)).toEqual(AT_REST), { timeoutMs: 60_000 }))
}
