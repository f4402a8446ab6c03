import fc from 'fast-check'
import { judgePool, type PoolMember } from './ejection'

const member = fc.record({ hostId: fc.uuid(), openUntilMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 300_000 })), isAlive: fc.boolean() })
const pool = fc.uniqueArray(member, { selector: ({ hostId }) => hostId, maxLength: 12 })
const isOpen = ({ openUntilMs }: PoolMember) => openUntilMs > 0
const made = (closed: number, open: number, dead = 0): PoolMember[] => [
  ...Array.from({ length: closed }, (_, i) => ({ hostId: `well ${i}`, openUntilMs: 0, isAlive: true })),
  ...Array.from({ length: open }, (_, i) => ({ hostId: `open ${i}`, openUntilMs: 10 + i, isAlive: true })),
  ...Array.from({ length: dead }, (_, i) => ({ hostId: `dead ${i}`, openUntilMs: 10, isAlive: false })),
]

describe('a pool with open circuits', () => {
  it('leaves out a third of it at most, but one always may be, and never the last', () => {
    fc.assert(
      fc.property(pool, (members) => {
        const { letIn } = judgePool(members)
        const alive = members.filter(({ isAlive }) => isAlive)
        const ejected = alive.filter((one) => isOpen(one) && !letIn.has(one.hostId)).length
        expect(ejected).toBeLessThanOrEqual(Math.max(1, alive.length * 0.34))
        if (alive.length > 0) expect(ejected).toBeLessThan(alive.length)
      }),
    )
  })

  it('that is less than half well is called as a whole, at half of its slots; any other at all of them', () => {
    fc.assert(
      fc.property(pool, (members) => {
        const { letIn, share } = judgePool(members)
        const alive = members.filter(({ isAlive }) => isAlive)
        const isDoubted = alive.filter((one) => !isOpen(one)).length * 2 < alive.length
        expect(share).toBe(isDoubted ? 0.5 : 1)
        if (isDoubted) expect(letIn).toEqual(new Set(alive.filter(isOpen).map(({ hostId }) => hostId)))
      }),
    )
  })

  it('lets in no host that no probe found alive, and none whose circuit is closed', () => {
    fc.assert(fc.property(pool, (members) => members.every((one) => !judgePool(members).letIn.has(one.hostId) || (one.isAlive && isOpen(one)))))
  })

  it.each([
    ['one of one', made(0, 1), ['open 0'], 0.5],
    ['one of two', made(1, 1), [], 1],
    ['two of two', made(0, 2), ['open 0', 'open 1'], 0.5],
    ['one of three', made(2, 1), [], 1],
    ['two of three', made(1, 2), ['open 0', 'open 1'], 0.5],
    ['two of five: the one that is open for longer stays out', made(3, 2), ['open 0'], 1],
    ['two of three, and neither is found alive by probes', made(1, 0, 2), [], 1],
    ['none', made(4, 0), [], 1],
  ])('%s', (_name, members, letIn, share) => expect(judgePool(members)).toEqual({ letIn: new Set(letIn), share }))
})
