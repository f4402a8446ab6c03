import { isSimModel } from './behaviour'
import { goTime, type SandboxClock } from './clock'
import { modelCard, withTag, type ModelCard } from './model-card'

/** Models a host starts with are dated by their place in its list, so that listings are the same on every run. */
const FIRST_MODIFIED_MS = Date.UTC(2026, 0, 1)

/** The models one host holds. Names are looked up without regard to case; a missing tag means `latest`. */
export class ModelShelf {
  private cards = new Map<string, ModelCard>()
  private addedAtMs = new Map<string, number>()
  private readonly loaded = new Map<string, number>()
  /** Digests (`sha256:…`) of blobs uploaded. */
  readonly blobs = new Set<string>()

  constructor(
    private readonly initial: string[],
    private readonly clock: SandboxClock,
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

  /** Notes that a model is in memory until `untilMs`; Infinity keeps it for ever, 0 unloads it. */
  load(name: string, untilMs: number): void {
    const key = withTag(name).toLowerCase()
    if (untilMs <= this.clock.nowMs()) this.loaded.delete(key)
    else if (this.cards.has(key)) this.loaded.set(key, untilMs)
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
