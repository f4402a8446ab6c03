import { toWarm, type Loads, type WarmHost } from './warm'

const host = (over: Partial<WarmHost> = {}): WarmHost => ({ id: 'h', takesCalls: true, held: new Map([['m', 'm:latest'], ['n', 'n']]), loaded: [], toldMs: 100_000, ...over })
const load = (ended: number, lastMs: number, isOpen = false): Loads => ({ hostId: 'h', model: 'm', ended, lastMs, isOpen })
const step = { hostId: 'h', model: 'm', upstreamName: 'm:latest' }

describe('a model that is to be kept warm is loaded', () => {
  it.each<[string, string[], WarmHost, Loads[], unknown[]]>([
    ['where it is held and not in memory', ['m'], host(), [], [step]],
    ['nowhere, when it is there', ['m'], host({ loaded: ['m'] }), [], []],
    ['where its present weights are in memory, and the kept ones that calls get are not', ['m'], host({ held: new Map([['m', 'tollgate-kept/m:abcdef123456']]), loaded: ['m'] }), [], [{ ...step, upstreamName: 'tollgate-kept/m:abcdef123456' }]],
    ['nowhere, when the kept weights that calls get are there', ['m'], host({ held: new Map([['m', 'tollgate-kept/m:abcdef123456']]), loaded: ['tollgate-kept/m:abcdef123456'] }), [], []],
    ['nowhere, when no host holds it', ['x'], host(), [], []],
    ['not where no calls go', ['m'], host({ takesCalls: false }), [], []],
    ['not on a host that never said what is in its memory', ['m'], host({ loaded: null }), [], []],
    ['not twice at a time', ['m'], host(), [load(0, 0, true)], []],
    ['not before the host was asked again', ['m'], host({ toldMs: 99_999 }), [load(1, 99_999)], []],
    ['again at once, when it was dropped once', ['m'], host(), [load(1, 99_999)], [step]],
    ['later, when it was dropped again', ['m'], host(), [load(2, 40_001)], []],
    ['after a minute then', ['m'], host(), [load(2, 40_000)], [step]],
    ['and after two the next time', ['m'], host(), [load(3, 0)], []],
  ])('%s', (_name, models, at, loads, steps) => expect(toWarm(models, [at], loads, 100_000)).toEqual(steps))
})
