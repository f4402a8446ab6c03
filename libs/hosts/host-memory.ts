import { Inject, Injectable } from '@nestjs/common'
import { canonicalModel, type Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { called, changesAtMs, EMPTY_MEMORY, inMemory, isFull, isLoad, loaded, told, type Memory } from './domain/memory'

/** Weight of the newest time in what is learned of loads and calls. */
const NEWEST = 0.3
/** A load nobody has seen yet: a middling model from a fast disk. */
const UNSEEN_LOAD_MS = 2_000
/** What others were told of a model that was called within this time. */
const TOLD_FOR_MS = 60_000
const MOST_TOLD = 500

/** What it takes before a call to a model begins, on a host that has a free slot. */
export interface Warmth {
  /** Learned time to load the model; 0 = it is in memory. */
  readonly loadMs: number
  /** The load would push a model out that is in use. */
  readonly displaces: boolean
  /** Models in memory. */
  readonly loadedModels: number
}

/** A model on a host, and the name of the weights that calls get there. */
export interface CalledModel {
  readonly hostId: string
  readonly model: string
  readonly upstreamName: string
}

/** What one gateway tells the others of a model it called lately: when, the time it takes to load, and what a call takes. */
export type MemoryWord = readonly [calledAtMs: number, loadMs: number | null, callMs: number | null]

/** What is in the memory of hosts, and how long loads and calls take there: told by probes, learned from calls. */
@Injectable()
export class HostMemory {
  private readonly hosts = new Map<string, Memory>()
  /** What is in a memory, until that changes: every call asks it of every host of its model. */
  private readonly present = new Map<string, { readonly memory: Memory; readonly fromMs: number; readonly untilMs: number; readonly models: readonly string[] }>()
  private readonly loadMs = new Map<string, number>()
  private readonly callMs = new Map<string, number>()
  private listener: (hostId: string) => void = () => undefined

  constructor(@Inject(CLOCK) private readonly clock: Clock) {}

  /** @param upstreamName of the weights that calls get there: a pinned model's may be kept under another name than its present ones */
  warmth(hostId: string, upstreamName: string): Warmth {
    const model = canonicalModel(upstreamName)
    const nowMs = this.clock.now()
    const models = this.presentAt(hostId, nowMs)
    if (models.includes(model)) return { loadMs: 0, displaces: false, loadedModels: models.length }
    return { loadMs: this.loadMs.get(keyOf(hostId, model)) ?? UNSEEN_LOAD_MS, displaces: isFull(this.of(hostId), nowMs), loadedModels: models.length }
  }

  /** Models in memory there, as far as is known; null when the host never said and was never called. */
  loadedAt(hostId: string): readonly string[] | null {
    return this.hosts.has(hostId) ? this.presentAt(hostId, this.clock.now()) : null
  }

  /** Learned time of a call there without its load; null before the first. */
  callTimeMs(hostId: string, model: string): number | null {
    return this.callMs.get(keyOf(hostId, model)) ?? null
  }

  /** A call begins. The returned function is told how long its model loaded and how long it took, when it ended well. */
  begin({ hostId, model: asked, upstreamName }: CalledModel): (tookMs: number, loadMs: number | null) => void {
    const model = canonicalModel(upstreamName)
    const nowMs = this.clock.now()
    const wasThere = this.presentAt(hostId, nowMs).includes(model)
    this.hosts.set(hostId, called(this.of(hostId), model, nowMs))
    return (tookMs, loadMs) => {
      this.hosts.set(hostId, loaded(this.of(hostId), model, loadMs ?? 0, wasThere, this.clock.now()))
      if (loadMs !== null && isLoad(loadMs)) {
        learn(this.loadMs, keyOf(hostId, model), loadMs)
        this.listener(hostId)
      }
      learn(this.callMs, keyOf(hostId, asked), Math.max(0, tookMs - (loadMs ?? 0)))
    }
  }

  /** The host said what it has in memory, now or to whom this comes from. */
  hear(hostId: string, models: readonly string[], atMs = this.clock.now()): { atMs: number; models: readonly string[] } {
    this.hosts.set(hostId, told(this.of(hostId), models, atMs))
    return { atMs, models }
  }

  /** Calls back whenever a call had a host load its model. */
  onLoad(listener: (hostId: string) => void): void {
    this.listener = listener
  }

  /** What this gateway tells the others, once a second: `<host> <model>` → what it knows of it. */
  word(): Record<string, MemoryWord> {
    const sinceMs = this.clock.now() - TOLD_FOR_MS
    const lately = [...this.hosts].flatMap(([hostId, { calledAtMs }]) => [...calledAtMs].filter(([, atMs]) => atMs > sinceMs).map(([model, atMs]) => ({ key: keyOf(hostId, model), atMs })))
    return Object.fromEntries(lately.slice(0, MOST_TOLD).map(({ key, atMs }) => [key, [atMs, this.loadMs.get(key) ?? null, this.callMs.get(key) ?? null]]))
  }

  /** Another gateway's word. Its calls count as ours; its times where we have none of our own. */
  hearOther(word: Readonly<Record<string, MemoryWord>>): void {
    for (const [key, [atMs, loadMs, callMs]] of Object.entries(word)) {
      const space = key.indexOf(' ')
      const [hostId, model] = [key.slice(0, space), key.slice(space + 1)]
      this.hosts.set(hostId, called(this.of(hostId), model, atMs))
      if (loadMs !== null && !this.loadMs.has(key)) this.loadMs.set(key, loadMs)
      if (callMs !== null && !this.callMs.has(key)) this.callMs.set(key, callMs)
    }
  }

  private presentAt(hostId: string, nowMs: number): readonly string[] {
    const memory = this.of(hostId)
    const known = this.present.get(hostId)
    if (known?.memory === memory && nowMs >= known.fromMs && nowMs < known.untilMs) return known.models
    const models = inMemory(memory, nowMs)
    this.present.set(hostId, { memory, fromMs: nowMs, untilMs: changesAtMs(memory, nowMs), models })
    return models
  }

  private of(hostId: string): Memory {
    return this.hosts.get(hostId) ?? EMPTY_MEMORY
  }
}

function learn(times: Map<string, number>, key: string, ms: number): void {
  const before = times.get(key)
  times.set(key, before === undefined ? ms : before + (ms - before) * NEWEST)
}

function keyOf(hostId: string, model: string): string {
  return `${hostId} ${model}`
}
