import fc from 'fast-check'
import { mayBegin, planCopies, type CopiesState, type CopyHost, type HeldCopy } from './copies'

const GB = 2 ** 30
const copy = (model: string, over: Partial<HeldCopy> = {}): HeldCopy => ({ model, digest: 'new', sizeBytes: 2 * GB, serves: true, ...over })
const host = (name: string, held: HeldCopy[] = [], over: Partial<CopyHost> = {}): CopyHost => ({ id: name, name, region: 'eu', takesCalls: true, downMs: null, diskBytes: null, held, ...over })
const pulled = { model: 'm', base: null, body: { model: 'm' }, sizeBytes: 2 * GB, stale: ['old'] }
const state = (hosts: CopyHost[], copies: number, minLive: number, over: Partial<CopiesState> = {}): CopiesState => ({ wishes: [{ model: 'm', region: 'eu', copies, minLive }], recipes: [pulled], hosts, open: [], failures: [], nowMs: 0, graceMs: 60_000, ...over })
const told = (given: CopiesState) => {
  const { steps, standings, withdraw } = planCopies(given)
  return [...steps.map(({ kind, hostId, model }) => `${kind} ${model} ${hostId}`), ...withdraw.map((id) => `withdraw ${id}`), standings[0]!.state]
}
const job = (kind: 'pull' | 'create' | 'delete', hostId: string, over: object = {}) => ({ id: 'j', kind, hostId, model: 'm', isRunning: false, forCopies: true, ...over })
const old = copy('m', { digest: 'old' })

describe('the next step', () => {
  it.each<[string, CopiesState, string[]]>([
    ['nothing, when the copies are there', state([host('a', [copy('m')])], 1, 1), ['reached']],
    ['a pull onto the host that holds least', state([host('a', [copy('x')]), host('b')], 1, 0), ['pull m b', 'working']],
    ['one host at a time', state([host('a'), host('b')], 2, 0, { open: [job('pull', 'a')] }), ['working']],
    ['none where an operator has the model at work', state([host('a'), host('b')], 2, 0, { open: [job('pull', 'a', { forCopies: false })] }), ['working']],
    ['not onto a host at work', state([host('a'), host('b', [copy('x'), copy('y')])], 1, 0, { open: [job('pull', 'a', { model: 'x', forCopies: false })] }), ['pull m b', 'working']],
    ['not onto a host in drain, away, or of another region', state([host('a', [], { takesCalls: false }), host('b', [], { downMs: 5 }), host('c', [], { region: 'us' })], 1, 0), ['blocked']],
    ['not onto a full disk', state([host('a', [copy('x')], { diskBytes: 3 * GB }), host('b', [copy('y'), copy('z')], { diskBytes: 6 * GB })], 1, 0), ['pull m b', 'working']],
    ['nothing, when no disk has room', state([host('a', [copy('x')], { diskBytes: 3 * GB })], 1, 0), ['blocked']],
    ['a while after it failed there', state([host('a')], 1, 0, { failures: [{ hostId: 'a', model: 'm', count: 2, lastMs: -119_000 }] }), ['blocked']],
    ['again when the pause is over', state([host('a')], 1, 0, { failures: [{ hostId: 'a', model: 'm', count: 2, lastMs: -120_000 }] }), ['pull m a', 'working']],
    ['a wait for who is away for a moment', state([host('a', [copy('m')], { downMs: 59_000 }), host('b')], 1, 0), ['reached']],
    ['another instead of who stays away', state([host('a', [copy('m')], { downMs: 60_000 }), host('b')], 1, 0), ['pull m b', 'working']],
    ['a deletion of what is too much, from the fullest', state([host('a', [copy('m')]), host('b', [copy('m'), copy('x')])], 1, 1), ['delete m b', 'working']],
    ['no deletion that counts on who is away', state([host('a', [copy('m')], { downMs: 5 }), host('b', [copy('m')])], 1, 1), ['reached']],
    ['everything away, when none are wanted', state([host('a', [copy('m')])], 0, 0), ['delete m a', 'working']],
    ['a stale copy replaced where enough live', state([host('a', [old]), host('b', [copy('m')])], 2, 1), ['pull m a', 'working']],
    ['first another copy, where a replacement would leave too few', state([host('a', [old]), host('b')], 1, 1), ['pull m b', 'working']],
    ['then the stale one goes', state([host('a', [old]), host('b', [copy('m')])], 1, 1), ['delete m a', 'working']],
    ['nothing, where a replacement would leave too few and no other host is there', state([host('a', [old])], 1, 1), ['blocked']],
    ['nothing, where a host holds what its model is not pinned to', state([host('a', [copy('m', { serves: false })])], 1, 0), ['blocked']],
    ['a job withdrawn whose host is gone for good', state([host('a', [], { downMs: 60_000 }), host('b')], 1, 0, { open: [job('pull', 'a', { isRunning: true })] }), ['pull m b', 'withdraw j', 'working']],
    ['a deletion withdrawn that would leave too few by now', state([host('a', [copy('m')]), host('b', [copy('m')], { downMs: 5 })], 1, 1, { open: [job('delete', 'a')] }), ['withdraw j', 'reached']],
    ['a job withdrawn that nobody wants any more', state([host('a')], 1, 0, { wishes: [{ model: 'x', region: 'eu', copies: 0, minLive: 0 }], recipes: [{ ...pulled, model: 'x' }], open: [job('pull', 'a')] }), ['withdraw j', 'reached']],
    ['an operator’s job let be', state([host('a')], 1, 0, { wishes: [{ model: 'x', region: 'eu', copies: 0, minLive: 0 }], recipes: [{ ...pulled, model: 'x' }], open: [job('pull', 'a', { forCopies: false })] }), ['reached']],
  ])('is %s', (_name, given, steps) => expect(told(given)).toEqual(steps))

  it('pulls what a model is made from first, and makes it then', () => {
    const recipes = [{ ...pulled, base: 'base', body: { model: 'm', from: 'base' } }]
    expect(told(state([host('a')], 1, 0, { recipes }))).toEqual(['pull base a', 'working'])
    expect(told(state([host('a', [copy('base')], { diskBytes: 2 * GB })], 1, 0, { recipes }))).toEqual(['create m a', 'working'])
    expect(told(state([host('a'), host('b', [copy('base'), copy('x')])], 1, 0, { recipes }))).toEqual(['create m b', 'working'])
    expect(told(state([host('a'), host('b')], 1, 0, { recipes, open: [job('pull', 'a', { model: 'base', isRunning: true })] }))).toEqual(['working'])
  })

  it('is told with its reason where there is none', () => {
    expect(planCopies(state([host('a', [copy('x')], { diskBytes: 3 * GB })], 1, 0)).standings).toEqual([{ model: 'm', region: 'eu', copies: 1, minLive: 0, live: 0, state: 'blocked', reason: 'no host has room on its disk: a' }])
    expect(planCopies(state([host('a')], 1, 0, { recipes: [] })).standings[0]!.reason).toMatch(/does not know the model/)
  })
})

/** A fleet whose hosts die and come back while jobs run: what the worker and the hosts do, without either. */
class World {
  readonly hosts: Map<string, { copies: Map<string, string>; down: boolean; downSinceMs: number; region: string; slots: number }>
  readonly open = new Map<string, { id: string; kind: 'pull' | 'create' | 'delete'; hostId: string; model: string; isRunning: boolean; leftTicks: number }>()
  readonly broken: string[] = []
  nowMs = 0
  private jobs = 0
  private failures = new Map<string, { count: number; lastMs: number }>()

  constructor(
    readonly wishes: CopiesState['wishes'],
    hosts: readonly { region: string; stale: boolean; slots: number; holds: boolean }[],
    private readonly random: (below: number) => number,
  ) {
    this.hosts = new Map(hosts.map(({ region, stale, slots, holds }, index) => [`h${index}`, { region, slots, down: false, downSinceMs: 0, copies: new Map(holds ? [['m', stale ? 'old' : 'new']] : []) }]))
  }

  state(): CopiesState {
    return {
      wishes: this.wishes,
      recipes: [{ ...pulled, sizeBytes: GB }],
      hosts: [...this.hosts].map(([id, { region, copies, down, downSinceMs, slots }]) => ({ id, name: id, region, takesCalls: true, downMs: down ? this.nowMs - downSinceMs : null, diskBytes: slots * GB, held: [...copies].map(([model, digest]) => ({ model, digest, sizeBytes: GB, serves: true })) })),
      open: [...this.open.values()].map((open) => ({ ...open, forCopies: true })),
      failures: [...this.failures].map(([key, failed]) => ({ hostId: key, model: 'm', ...failed })),
      nowMs: this.nowMs,
      graceMs: 60_000,
    }
  }

  plan(): boolean {
    const { steps, withdraw } = planCopies(this.state())
    for (const id of withdraw) this.open.delete(id)
    for (const { kind, hostId, model } of steps) {
      const id = `j${++this.jobs}`
      if ([...this.open.values()].some((open) => open.model === model)) this.broken.push('two hosts at a time')
      this.open.set(id, { id, kind, hostId, model, isRunning: false, leftTicks: 1 + this.random(4) })
    }
    return steps.length + withdraw.length > 0
  }

  /** Queued jobs begin, running ones go on, some fail; a worker may die, which only begins them anew. */
  tick(ms: number, failsOneIn: number): void {
    this.nowMs += ms
    for (const open of [...this.open.values()]) {
      const at = this.hosts.get(open.hostId)!
      if (!open.isRunning && !mayBegin(open, this.state())) this.open.delete(open.id)
      else if (!open.isRunning) {
        this.judge(open.hostId)
        open.isRunning = true
      } else if (at.down || this.random(failsOneIn) === 0) this.fail(open)
      else if (--open.leftTicks === 0) this.finish(open)
    }
  }

  flip(id: string): void {
    const at = this.hosts.get(id)!
    at.down = !at.down
    at.downSinceMs = this.nowMs
  }

  private judge(hostId: string): void {
    const { region, down, copies } = this.hosts.get(hostId)!
    const wish = this.wishes.find((candidate) => candidate.region === region)!
    const live = [...this.hosts].filter(([id, other]) => id !== hostId && other.region === region && !other.down && other.copies.has('m')).length
    if (!down && copies.has('m') && live < wish.minLive) this.broken.push(`${live} live, ${wish.minLive} must be`)
  }

  private fail({ id, hostId }: { id: string; hostId: string }): void {
    this.open.delete(id)
    this.failures.set(hostId, { count: (this.failures.get(hostId)?.count ?? 0) + 1, lastMs: this.nowMs })
  }

  private finish({ id, kind, hostId, model }: { id: string; kind: string; hostId: string; model: string }): void {
    const at = this.hosts.get(hostId)!
    this.open.delete(id)
    this.failures.delete(hostId)
    if (kind === 'delete') at.copies.delete(model)
    else at.copies.set(model, 'new')
    if (at.copies.size > at.slots) this.broken.push('a disk overflowed')
  }
}

it('whatever dies during a rollout, it converges, one host at a time and never below the least', () => {
  const hosts = fc.array(fc.record({ region: fc.constantFrom('eu', 'us'), stale: fc.boolean(), slots: fc.integer({ min: 0, max: 2 }).map((slots) => Math.max(1, slots)), holds: fc.boolean() }), { minLength: 2, maxLength: 7 })
  fc.assert(
    fc.property(hosts, fc.array(fc.record({ copies: fc.nat(3), minLive: fc.nat(3) }), { minLength: 2, maxLength: 2 }), fc.infiniteStream(fc.nat(1_000_000)), (fleet, wanted, numbers) => {
      const random = (below: number) => (numbers.next().value as number) % below
      const wishes = (['eu', 'us'] as const).map((region, index) => ({ model: 'm', region, copies: wanted[index]!.copies, minLive: Math.min(wanted[index]!.minLive, wanted[index]!.copies) }))
      const world = new World(wishes, fleet, random)
      for (let i = 0; i < 60; i++) {
        if (random(3) === 0) world.flip(`h${random(fleet.length)}`)
        world.plan()
        if (random(3) === 0) world.flip(`h${random(fleet.length)}`)
        world.tick(10_000, 5)
      }
      for (const [id, { down }] of world.hosts) if (down) world.flip(id)
      // Nothing is left to do when nothing came of an hour and more, the longest pause after failures.
      for (let quiet = 0, i = 0; quiet < 10 && i < 500; i++) {
        quiet = world.plan() ? 0 : quiet + 1
        world.tick(600_000, 1_000_000_000)
      }
      expect(world.broken).toEqual([])
      expect(world.open.size).toBe(0)
      for (const { region, copies, minLive } of wishes) {
        const there = [...world.hosts.values()].filter((at) => at.region === region)
        const [fresh, stale] = ['new', 'old'].map((digest) => there.filter((at) => at.copies.get('m') === digest).length) as [number, number]
        // Where every host of the region must stay live, a stale copy cannot be replaced; nothing else keeps it.
        if (there.length > minLive) expect([fresh, stale]).toEqual([Math.min(copies, there.length), 0])
        else expect(fresh + stale).toBeLessThanOrEqual(there.length)
      }
    }),
    { numRuns: 300 },
  )
})
