import fc from 'fast-check'
import { called, changesAtMs, EMPTY_MEMORY, inMemory, isFull, loaded, told, type Memory } from './memory'

const AT_MS = 1_700_000_000_000
const after = (...steps: ((memory: Memory) => Memory)[]) => steps.reduce((memory, step) => step(memory), EMPTY_MEMORY)
const call = (model: string, atMs: number) => (memory: Memory) => called(memory, model, AT_MS + atMs)
const end = (model: string, loadMs: number, wasThere: boolean, atMs: number) => (memory: Memory) => loaded(memory, model, loadMs, wasThere, AT_MS + atMs)
const say = (models: string[], atMs: number) => (memory: Memory) => told(memory, models, AT_MS + atMs)

describe("a host's memory", () => {
  it('holds what the host said last and what was called since, the last used first', () => {
    expect(inMemory(after(say(['a'], 0), call('b', 5)), AT_MS + 10)).toEqual(['b', 'a'])
    expect(inMemory(after(call('b', 5), say(['a'], 10)), AT_MS + 20)).toEqual(['a'])
    expect(inMemory(after(say(['a'], 10), say(['b'], 5)), AT_MS + 20)).toEqual(['a'])
  })

  it('says until when it stays as it is while nothing happens', () => {
    expect([changesAtMs(after(call('a', 0), call('b', 7)), AT_MS + 10), changesAtMs(after(say(['a'], 0)), AT_MS)]).toEqual([AT_MS + 270_000, Infinity])
    const step = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(600_000), fc.nat(3))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), fc.nat(600_000), fc.nat(3_000_000), (steps, now, later) => {
        const memory = after(...steps.map(([model, atMs, kind]) => (kind === 0 ? say(['a', 'b', 'c'], atMs) : kind === 1 ? end(model, 5_000, true, atMs) : call(model, atMs))))
        const [nowMs, thenMs] = [AT_MS + now, AT_MS + now + later]
        if (thenMs < changesAtMs(memory, nowMs)) expect(inMemory(memory, thenMs)).toEqual(inMemory(memory, nowMs))
      }),
      { numRuns: 2_000 },
    )
  })

  it('loses what nobody called for as long as Ollama keeps it, when the host does not say', () => {
    const memory = after(call('a', 0))
    expect([inMemory(memory, AT_MS + 269_999), inMemory(memory, AT_MS + 270_000)]).toEqual([['a'], []])
  })

  it('has no room for one that was there and had to be loaded again: the other pushed it out', () => {
    const memory = after(call('a', 0), end('a', 8_000, false, 8_000), call('b', 9_000), end('b', 8_000, false, 17_000))
    expect([isFull(memory, AT_MS + 17_000), inMemory(memory, AT_MS + 17_000)]).toEqual([false, ['b', 'a']])
    const pushed = after(() => memory, call('a', 18_000), end('a', 8_000, true, 26_000))
    expect([isFull(pushed, AT_MS + 26_000), inMemory(pushed, AT_MS + 26_000)]).toEqual([true, ['a']])
    expect(isFull(pushed, AT_MS + 26_000 + 1_800_000)).toBe(false)
    expect(isFull(after(() => pushed, end('a', 3, true, 27_000)), AT_MS + 27_000)).toBe(true)
  })

  it('has the room the host shows: less when a model in use is gone, more when it holds more', () => {
    const memory = after(call('a', 0), call('b', 1), say(['b'], 10))
    expect(isFull(memory, AT_MS + 10)).toBe(true)
    expect(isFull(after(() => memory, say(['a', 'b'], 20)), AT_MS + 20)).toBe(true)
    expect(memory.room?.models).toBe(1)
    expect(after(() => memory, say(['a', 'b'], 20)).room?.models).toBe(2)
    // A host that came back empty says nothing of its room.
    expect(after(call('a', 0), say([], 10)).room).toBeNull()
  })
})
