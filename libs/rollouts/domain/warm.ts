import { canonicalModel } from '@tollgate/kernel'

/** A host with what it holds and has in memory. `loaded` is null where the host never said: then it is let be. */
export interface WarmHost {
  readonly id: string
  readonly takesCalls: boolean
  /** Models by the name the host knows them by. */
  readonly held: ReadonlyMap<string, string>
  readonly loaded: readonly string[] | null
  /** When it said so. */
  readonly toldMs: number
}

/** Loads of a model on a host that ended in the last hour, well or not, and those that are open. */
export interface Loads {
  readonly hostId: string
  readonly model: string
  readonly ended: number
  readonly lastMs: number
  readonly isOpen: boolean
}

/** A load that is due. */
export interface WarmStep {
  readonly hostId: string
  readonly model: string
  readonly upstreamName: string
}

const FIRST_PAUSE_MS = 60_000

/**
 * Loads of models that are to be kept warm and are in nobody's memory. A host that was told twice within the hour has no room
 * for all of them, or cannot load it: it is told again after pauses that double, or models would push each other out for ever.
 */
export function toWarm(models: readonly string[], hosts: readonly WarmHost[], loads: readonly Loads[], nowMs: number): WarmStep[] {
  return hosts.flatMap(({ id: hostId, takesCalls, held, loaded, toldMs }) => {
    if (!takesCalls || loaded === null) return []
    return models.flatMap((model): WarmStep[] => {
      const upstreamName = held.get(model)
      if (upstreamName === undefined || loaded.includes(canonicalModel(upstreamName))) return []
      const before = loads.find((load) => load.hostId === hostId && load.model === model)
      // A load that ended after the host's last word is not in that word yet.
      if (before && (before.isOpen || before.lastMs >= toldMs)) return []
      const pauseMs = before && before.ended > 1 ? FIRST_PAUSE_MS * 2 ** (before.ended - 2) : 0
      return before && nowMs < before.lastMs + pauseMs ? [] : [{ hostId, model, upstreamName }]
    })
  })
}
