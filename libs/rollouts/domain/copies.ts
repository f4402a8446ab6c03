import type { JobKind } from './host-job'

/** How many hosts of a region are to hold a model, and how many live ones must be left whatever is done. */
export interface CopiesWish {
  readonly model: string
  readonly region: string
  readonly copies: number
  readonly minLive: number
}

/** How copies of a model come to be. `base`: what the host must hold first; null = it is pulled. `stale`: digests of what it was made from before. */
export interface Recipe {
  readonly model: string
  readonly base: string | null
  /** What the host is sent to make it. */
  readonly body: Readonly<Record<string, unknown>>
  /** Most a copy takes of the disk; null = unknown. What is made from a base shares the base's. */
  readonly sizeBytes: number | null
  readonly stale: readonly string[]
}

/** A model on a host. `serves`: calls may go to it, so it is what its model is pinned to, if to anything. */
export interface HeldCopy {
  readonly model: string
  readonly digest: string | null
  readonly sizeBytes: number
  readonly serves: boolean
}

/** A host that may hold copies. `downMs`: how long its probes have failed; null = they pass. */
export interface CopyHost {
  readonly id: string
  readonly name: string
  readonly region: string
  /** Enabled and not in drain. */
  readonly takesCalls: boolean
  readonly downMs: number | null
  readonly diskBytes: number | null
  readonly held: readonly HeldCopy[]
}

/** A job that is not over. `forCopies`: queued by this planner, which may withdraw it. */
export interface OpenJob {
  readonly id: string
  readonly kind: JobKind
  readonly hostId: string
  readonly model: string
  readonly isRunning: boolean
  readonly forCopies: boolean
}

/** Jobs in a row that failed for a model on a host. */
export interface Failures {
  readonly hostId: string
  readonly model: string
  readonly count: number
  readonly lastMs: number
}

/** The fleet as the planner sees it: all from the database, so that any worker goes on where another died. */
export interface CopiesState {
  readonly wishes: readonly CopiesWish[]
  readonly recipes: readonly Recipe[]
  readonly hosts: readonly CopyHost[]
  readonly open: readonly OpenJob[]
  readonly failures: readonly Failures[]
  readonly nowMs: number
  /** A host that is away for less is waited for, not replaced. */
  readonly graceMs: number
}

/** A step towards the copies wanted. */
export interface CopyStep {
  readonly kind: 'pull' | 'create' | 'delete'
  readonly hostId: string
  readonly model: string
  readonly body: Readonly<Record<string, unknown>>
}

/** How a wish stands. `reached`: nothing is left to do; `working`: a job is open or queued now; `blocked`: nothing can be done, and why. */
export interface CopiesStanding extends CopiesWish {
  readonly live: number
  readonly state: 'reached' | 'working' | 'blocked'
  readonly reason: string | null
}

/** What to do now: jobs to queue, open ones to withdraw, and how each wish stands. */
export interface CopiesPlan {
  readonly steps: readonly CopyStep[]
  readonly withdraw: readonly string[]
  readonly standings: readonly CopiesStanding[]
}

const FIRST_PAUSE_MS = 60_000
const MOST_PAUSE_MS = 3_600_000

/** May this job begin? Not where it takes away or replaces a copy and fewer live ones than the least would be left. */
export function mayBegin({ kind, hostId, model }: Pick<OpenJob, 'kind' | 'hostId' | 'model'>, { wishes, hosts }: Pick<CopiesState, 'wishes' | 'hosts'>): boolean {
  const host = hosts.find(({ id }) => id === hostId)
  const wish = wishes.find((candidate) => candidate.model === model && candidate.region === host?.region)
  if (!wish || kind === 'preload') return true
  const live = liveIn(hosts, wish)
  return !live.some(({ id }) => id === hostId) || live.length - 1 >= wish.minLive
}

/**
 * The next step of every wish, one host at a time for each model: replace what is stale where enough others live, else make
 * one on a host that has none and room for it, and take away what is too much. Pure; planning again changes nothing.
 */
export function planCopies(state: CopiesState): CopiesPlan {
  const withdraw = state.open.filter((job) => job.forCopies && isVain(job, state)).map(({ id }) => id)
  const open = state.open.filter(({ id }) => !withdraw.includes(id))
  const steps: CopyStep[] = []
  const standings = state.wishes.map((wish): CopiesStanding => {
    const live = liveIn(state.hosts, wish).length
    const recipe = state.recipes.find(({ model }) => model === wish.model)
    if (!recipe) return { ...wish, live, state: 'blocked', reason: 'the catalogue does not know the model, or its Modelfile is faulty' }
    const isBusy = open.some((job) => job.kind !== 'preload' && (job.model === wish.model || (job.forCopies && job.model === recipe.base))) || steps.some(({ model }) => model === wish.model || model === recipe.base)
    const next = nextStep(wish, recipe, { ...state, open: [...open, ...steps.map((step) => ({ ...step, id: '', isRunning: false, forCopies: true }))] })
    if (next === null) return { ...wish, live, state: isBusy ? 'working' : 'reached', reason: null }
    if (isBusy) return { ...wish, live, state: 'working', reason: null }
    if (typeof next === 'string') return { ...wish, live, state: 'blocked', reason: next }
    steps.push(next)
    return { ...wish, live, state: 'working', reason: null }
  })
  return { steps, withdraw, standings }
}

function nextStep(wish: CopiesWish, recipe: Recipe, state: CopiesState): CopyStep | string | null {
  const inRegion = state.hosts.filter(({ region }) => region === wish.region)
  const holders = inRegion.filter((host) => host.takesCalls && isExpected(host, state.graceMs) && copyOn(host, wish.model)?.serves)
  const live = liveIn(state.hosts, wish)
  const isStale = (host: CopyHost) => recipe.stale.includes(copyOn(host, wish.model)?.digest ?? '')
  const good = holders.filter((host) => !isStale(host))
  const stale = live.filter(isStale)
  if (good.length < wish.copies) return makeOne(wish, recipe, state, stale, live)
  if (holders.length <= wish.copies) return null
  const [victim] = [...stale, ...live.filter((host) => !isStale(host)).sort((a, b) => b.held.length - a.held.length || (a.name < b.name ? 1 : -1))].filter((host) => !isAtWork(host.id, state) && !isPaused(host.id, recipe, state))
  // Whoever is away for a moment counts as a copy, not as a live one: it may not come back.
  if (!victim || live.length - 1 < Math.max(wish.minLive, isStale(victim) ? 0 : wish.copies)) return null
  return { kind: 'delete', hostId: victim.id, model: wish.model, body: { model: wish.model } }
}

function makeOne(wish: CopiesWish, recipe: Recipe, state: CopiesState, stale: readonly CopyHost[], live: readonly CopyHost[]): CopyStep | string {
  const isFree = (host: CopyHost) => !isAtWork(host.id, state) && !isPaused(host.id, recipe, state)
  const replaced = live.length - 1 >= wish.minLive ? stale.find(isFree) : undefined
  if (replaced) return stepOn(replaced, recipe)
  const empty = state.hosts.filter((host) => host.region === wish.region && host.takesCalls && host.downMs === null && !copyOn(host, wish.model))
  const lacks = (host: CopyHost) => (recipe.base === null || copyOn(host, recipe.base) ? 0 : 1)
  const roomy = empty.filter((host) => hasRoom(host, recipe, state))
  const [chosen] = roomy.filter(isFree).sort((a, b) => lacks(a) - lacks(b) || a.held.length - b.held.length || (a.name < b.name ? -1 : 1))
  if (chosen) return stepOn(chosen, recipe)
  const offPin = state.hosts.find((host) => host.region === wish.region && copyOn(host, wish.model)?.serves === false)
  if (offPin) return `${offPin.name} holds other weights than the model is pinned to`
  if (stale.length > 0 && roomy.length === 0) return `replacing a copy would leave fewer than ${wish.minLive} live, and no other host of the region can hold one`
  if (roomy.length > 0) return `hosts that could hold one are at work, or failed and are tried again later: ${roomy.map(({ name }) => name).join(', ')}`
  return empty.length > 0 ? `no host has room on its disk: ${empty.map(({ name }) => name).join(', ')}` : 'every live host of the region that takes calls holds one'
}

/** What makes a copy there: first of all what it is made from. */
function stepOn(host: CopyHost, { model, base, body }: Recipe): CopyStep {
  if (base !== null && !copyOn(host, base)) return { kind: 'pull', hostId: host.id, model: base, body: { model: base, stream: true } }
  return { kind: base === null ? 'pull' : 'create', hostId: host.id, model, body }
}

/** A job of this planner that leads nowhere: its host is gone, nobody wants it, or it may not begin. One that runs is let be, but for the first. */
function isVain(job: OpenJob, state: CopiesState): boolean {
  const host = state.hosts.find(({ id }) => id === job.hostId)
  if (!host || !host.takesCalls || !isExpected(host, state.graceMs)) return true
  if (job.isRunning) return false
  const wishes = state.wishes.filter(({ model, region }) => region === host.region && (model === job.model || state.recipes.some((recipe) => recipe.model === model && recipe.base === job.model)))
  if (wishes.length === 0 || !mayBegin(job, state)) return true
  return job.kind === 'delete' && wishes.some((wish) => wish.model === job.model && liveIn(state.hosts, wish).length <= wish.copies && !state.recipes.some(({ model, stale }) => model === job.model && stale.includes(copyOn(host, job.model)?.digest ?? '')))
}

function liveIn(hosts: readonly CopyHost[], { model, region }: CopiesWish): CopyHost[] {
  return hosts.filter((host) => host.region === region && host.takesCalls && host.downMs === null && copyOn(host, model)?.serves)
}

function copyOn(host: CopyHost, model: string): HeldCopy | undefined {
  return host.held.find((copy) => copy.model === model)
}

function isExpected({ downMs }: CopyHost, graceMs: number): boolean {
  return downMs === null || downMs < graceMs
}

function isAtWork(hostId: string, { open }: CopiesState): boolean {
  return open.some((job) => job.hostId === hostId && job.kind !== 'preload')
}

/** A host where it failed is tried again after a pause that doubles. */
function isPaused(hostId: string, { model, base }: Recipe, { failures, nowMs }: CopiesState): boolean {
  const failed = failures.filter((row) => row.hostId === hostId && (row.model === model || row.model === base))
  return failed.some(({ count, lastMs }) => nowMs < lastMs + Math.min(MOST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (count - 1)))
}

/** Sizes are what hosts list: layers that models share are counted for each, so there is more room than this says. */
function hasRoom(host: CopyHost, { base, sizeBytes }: Recipe, { recipes }: CopiesState): boolean {
  if (host.diskBytes === null) return true
  const neededBytes = base === null ? sizeBytes : copyOn(host, base) ? 0 : (recipes.find(({ model }) => model === base)?.sizeBytes ?? sizeBytes)
  return neededBytes === null || host.held.reduce((sum, copy) => sum + copy.sizeBytes, neededBytes) <= host.diskBytes
}
