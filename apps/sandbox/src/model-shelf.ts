import { isSimModel } from './behaviour'
import { goTime, type SandboxClock } from './clock'
import { modelCard, withTag, type ModelCard } from './model-card'

/** Models a host starts with are dated by their place in its list, so that listings are the same on every run. */
const FIRST_MODIFIED_MS = Date.UTC(2026, 0, 1)

/** The memory of a host: how many models it holds at once, and how long one takes to load. */
export interface ShelfMemory {
  readonly models: number
  readonly loadMs: number
  /** The load is reported and takes no time, so that a test need not wait for it. */
  readonly isInstant?: boolean
}

/** The models one host holds. Names are looked up without regard to case; a missing tag means `latest`. */
export class ModelShelf {
  private cards = new Map<string, ModelCard>()
  private addedAtMs = new Map<string, number>()
  private readonly loaded = new Map<string, number>()
  private loads = 0
  private swaps = 0
  /** Digests (`sha256:…`) of blobs uploaded. */
  readonly blobs = new Set<string>()

  constructor(
    private readonly initial: string[],
    private readonly clock: SandboxClock,
    /** Absent: every model fits, and loads in no time. */
    private readonly memory?: ShelfMemory,
  ) {
    this.reset()
  }

  /** Back to the models the host was started with, nothing loaded. */
  reset(): void {
    this.cards = new Map()
    this.addedAtMs.clear()
    this.loaded.clear()
    this.blobs.clear()
    this.initial.forEach((name, index) => {
      const card = modelCard(name, new Date(FIRST_MODIFIED_MS - index * 1000).toISOString())
      this.cards.set(card.name.toLowerCase(), card)
    })
  }

  /** The card of a model held here; a `sim-…` name is always held, and listed nowhere. */
  find(name: string): ModelCard | undefined {
    const held = this.cards.get(withTag(name).toLowerCase())
    if (held || !isSimModel(name)) return held
    return modelCard('sim-model', new Date(FIRST_MODIFIED_MS).toISOString())
  }

  /** All models held, newest first. */
  list(): ModelCard[] {
    return [...this.cards.values()].sort((a, b) =>
      a.modifiedAt < b.modifiedAt ? 1 : a.modifiedAt > b.modifiedAt ? -1 : 0,
    )
  }

  /** Adds a model, or renews its date. */
  add(name: string, changes: Partial<ModelCard> = {}): ModelCard {
    const nowMs = this.clock.nowMs()
    const card = { ...modelCard(name, goTime(nowMs)), ...changes, name: withTag(name) }
    this.cards.set(card.name.toLowerCase(), card)
    this.addedAtMs.set(card.name.toLowerCase(), nowMs)
    return card
  }

  /** Takes a model away; false when it was not here. */
  remove(name: string): boolean {
    this.loaded.delete(withTag(name).toLowerCase())
    return this.cards.delete(withTag(name).toLowerCase())
  }

  /** Milliseconds since the model was pulled or made; Infinity for those the host started with. */
  ageMs(name: string): number {
    const at = this.addedAtMs.get(withTag(name).toLowerCase())
    return at === undefined ? Infinity : this.clock.nowMs() - at
  }

  /**
   * Notes that a model is in memory until `untilMs`; Infinity keeps it for ever, 0 unloads it. Where memory is short the
   * model used longest ago makes room. @returns how long the model took to load; 0 = it was there, null = nothing is known of memory
   */
  load(name: string, untilMs: number): { loadMs: number; waitMs: number } | null {
    const key = withTag(name).toLowerCase()
    const wasThere = this.inMemory().some(({ card }) => card.name.toLowerCase() === key)
    this.loaded.delete(key)
    if (untilMs <= this.clock.nowMs() || !this.cards.has(key)) return null
    this.loaded.set(key, untilMs)
    if (!this.memory) return null
    if (wasThere) return { loadMs: 0, waitMs: 0 }
    this.loads++
    for (const other of [...this.loaded.keys()].slice(0, -this.memory.models)) {
      if (this.loaded.get(other)! > this.clock.nowMs()) this.swaps++
      this.loaded.delete(other)
    }
    return { loadMs: this.memory.loadMs, waitMs: this.memory.isInstant ? 0 : this.memory.loadMs }
  }

  /** Models loaded since the start, and those of them that pushed another out. */
  memoryStats(): { loads: number; swaps: number } {
    return { loads: this.loads, swaps: this.swaps }
  }

  /** Models in memory with the time they leave it, the last to leave first. */
  inMemory(): { card: ModelCard; untilMs: number }[] {
    const nowMs = this.clock.nowMs()
    return [...this.loaded]
      .filter(([, untilMs]) => untilMs > nowMs)
      .map(([key, untilMs]) => ({ card: this.cards.get(key), untilMs }))
      .filter((row): row is { card: ModelCard; untilMs: number } => row.card !== undefined)
      .sort((a, b) => b.untilMs - a.untilMs)
  }
}
