import fc from 'fast-check'
import { firstTurnMs, newcomerRoom, roomOf } from './slots'

describe('the slots of a host', () => {
  const host = fc.record({ provider: fc.constant('ollama'), maxParallel: fc.integer({ min: 1, max: 64 }) })

  it('are divided among the gateways without one too many, where there is one for each', () => {
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 8 }), (one, users) => {
        const given = Array.from({ length: users }, (_, rank) => roomOf(one, 1, users, rank).most)
        expect(given.reduce((sum, most) => sum + most, 0)).toBe(Math.max(users, one.maxParallel))
        expect(Math.min(...given)).toBeGreaterThanOrEqual(1)
      }),
    )
  })

  it('of a cloud provider are not counted', () => {
    expect(roomOf({ provider: 'openai', maxParallel: 4 }, 1, 3, 0)).toEqual({ most: Infinity, rest: 0 })
  })

  it('are used to a tenth right after a circuit closed, by all gateways together', () => {
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 8 }), (one, users) => {
        const { most, rest } = roomOf(one, 0.1, users, 0)
        // The part of the time that each of its places is taken, times their number, times the gateways.
        expect((users * most) / (1 + rest)).toBeLessThanOrEqual(one.maxParallel * 0.1 + 1e-9)
      }),
    )
    expect(roomOf({ provider: 'openai', maxParallel: 4 }, 0.1, 2, 0)).toEqual({ most: 1, rest: 0 })
  })

  it('are first called in turn by the gateways when a host comes back, at the pace that its allowance gives all of them', () => {
    const small = { provider: 'ollama', maxParallel: 4 }
    // A tenth of four slots is 0.4 calls at once: of calls of 200 ms, one every 500 ms.
    expect([0, 1, 2].map((rank) => firstTurnMs(small, 0.1, 3, rank, 200, 0))).toEqual([250, 750, 1_250])
    expect([0, 1, 2].map((rank) => firstTurnMs(small, 0.1, 3, rank, 200, 800) <= 0)).toEqual([true, true, false])
    expect(firstTurnMs({ provider: 'ollama', maxParallel: 40 }, 0.1, 3, 2, 200, 0)).toBe(0)
  })

  it('are taken by a gateway that comes to them one by one: one until the others have heard of it, then what they leave, at last its part', () => {
    const room = (words: number, others: number) => newcomerRoom(4, 8, words, others)
    expect([room(0, 0), room(1, 0), room(2, 8), room(2, 6), room(2, 3), room(29, 8), room(30, 8)]).toEqual([1, 1, 1, 2, 4, 1, 4])
  })

  it('of a host that has hundreds let a gateway that comes have a small part at once', () => {
    expect([newcomerRoom(5_000, 10_000, 0, 5_000), newcomerRoom(5_000, 10_000, 1, 0), newcomerRoom(64, 128, 0, 0), newcomerRoom(63, 127, 0, 0)]).toEqual([156, 156, 2, 1])
  })

  it('are never given to more than one call too many while a gateway comes', () => {
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 7 }), fc.integer({ min: 0, max: 29 }), fc.nat(64), ({ maxParallel }, known, words, held) => {
        const others = Math.min(held, maxParallel)
        const part = roomOf({ provider: 'ollama', maxParallel }, 1, known + 1, known).most
        expect(others + newcomerRoom(part, maxParallel, words, others)).toBeLessThanOrEqual(words < 2 ? others + 1 : maxParallel + 1)
      }),
    )
  })
})
