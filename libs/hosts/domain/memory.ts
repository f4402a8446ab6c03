/** Ollama drops a model five minutes after its last call (its keep-alive); a little less, since its clock is not ours. */
const KEPT_MS = 270_000
/** What was learned of a host's room is doubted after this time: operators change machines. */
const DOUBTED_MS = 1_800_000
/** A load below this is none: Ollama reports a few milliseconds for a model that was there. */
const LOAD_MS = 250

/** What is known of the models in one host's memory: its own last word, and the calls it was given since. Pure. */
export interface Memory {
  /** Models in memory when the host last said so (`/api/ps`); null = it never did. */
  readonly told: { readonly atMs: number; readonly models: readonly string[] } | null
  /** When each model was last called there, by any gateway. */
  readonly calledAtMs: ReadonlyMap<string, number>
  /** As many models it was seen to hold when it had dropped one; null = it never did, so it is taken to hold one more. */
  readonly room: { readonly models: number; readonly atMs: number } | null
}

export const EMPTY_MEMORY: Memory = { told: null, calledAtMs: new Map(), room: null }

/** Models taken to be in memory now, the last used first. A call later than the host's word brings its model in. */
export function inMemory({ told, calledAtMs, room }: Memory, nowMs: number): string[] {
  const usedAtMs = new Map(told?.models.map((model) => [model, 0]))
  for (const [model, atMs] of calledAtMs) if (nowMs - atMs < KEPT_MS && (atMs > (told?.atMs ?? 0) || usedAtMs.has(model))) usedAtMs.set(model, atMs)
  const models = [...usedAtMs].sort((a, b) => b[1] - a[1]).map(([model]) => model)
  return room && nowMs - room.atMs < DOUBTED_MS ? models.slice(0, room.models) : models
}

/** Would a load of one more model push out one that is in use? */
export function isFull(memory: Memory, nowMs: number): boolean {
  const { room } = memory
  return room !== null && nowMs - room.atMs < DOUBTED_MS && inMemory(memory, nowMs).length >= room.models
}

/** When `inMemory` changes next by the passing of time alone; Infinity = it does not. */
export function changesAtMs({ calledAtMs, room }: Memory, nowMs: number): number {
  let next = Infinity
  for (const atMs of calledAtMs.values()) if (atMs + KEPT_MS > nowMs) next = Math.min(next, atMs + KEPT_MS)
  return room && room.atMs + DOUBTED_MS > nowMs ? Math.min(next, room.atMs + DOUBTED_MS) : next
}

/** A call to this model begins, or ended well: it is there, or will be in a moment. */
export function called(memory: Memory, model: string, atMs: number): Memory {
  if ((memory.calledAtMs.get(model) ?? -1) >= atMs) return memory
  return { told: memory.told, calledAtMs: new Map(memory.calledAtMs).set(model, atMs), room: memory.room }
}

/**
 * A call that ended well said how long its model had to load. One that was taken to be there and was not had been pushed
 * out: the host has room for one model less than was thought.
 */
export function loaded(memory: Memory, model: string, loadMs: number, wasThere: boolean, nowMs: number): Memory {
  const after = called(memory, model, nowMs)
  if (!isLoad(loadMs) || !wasThere) return after
  return { ...after, room: { models: Math.max(1, inMemory(after, nowMs).length - 1), atMs: nowMs } }
}

/** The host says what it has in memory. One that holds more than it was thought to have room for has that room. */
export function told(memory: Memory, models: readonly string[], atMs: number): Memory {
  if (memory.told && memory.told.atMs >= atMs) return memory
  const dropped = [...memory.calledAtMs].some(([model, calledMs]) => !models.includes(model) && calledMs < atMs && atMs - calledMs < KEPT_MS)
  const room = dropped && models.length > 0 ? { models: models.length, atMs } : memory.room && memory.room.models < models.length ? { models: models.length, atMs } : memory.room
  return { ...memory, told: { atMs, models }, room }
}

/** Did the host have to load the model for this call? */
export function isLoad(loadMs: number): boolean {
  return loadMs >= LOAD_MS
}
