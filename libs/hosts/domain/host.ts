/** One base URL of a provider in one region. `secret` is sealed; `secretHint` are its last four characters. */
export interface Host {
  readonly id: string
  readonly name: string
  readonly region: string
  readonly provider: string
  readonly baseUrl: string
  readonly maxParallel: number
  readonly weight: number
  /** Pico of US dollars the operator pays for it, used or idle; null = not known, or a provider that bills by use. */
  readonly costPerHourPico: bigint | null
  readonly isEnabled: boolean
  readonly isDraining: boolean
  readonly isSandbox: boolean
  readonly secret: Buffer | null
  readonly status: 'unknown' | 'healthy' | 'degraded' | 'unhealthy'
}

/** A model present on a host. `model` is canonical, `upstreamName` what the host calls it. */
export interface Deployment {
  readonly hostId: string
  readonly model: string
  readonly upstreamName: string
  readonly digest: string | null
}

/** What a probe saw. */
export interface ProbeResult {
  readonly isReachable: boolean
  readonly version: string | null
  readonly error: string | null
  readonly latencyMs: number
  readonly models: readonly DiscoveredModel[]
  /** The host's names of models that it sends on to a cloud: never among `models`, since no region holds them. */
  readonly forwarded: readonly string[]
  /** Canonical names of the models in memory; null where the host did not say. */
  readonly loaded: readonly string[] | null
}

/** One model in a host's own list. */
export interface DiscoveredModel {
  readonly upstreamName: string
  readonly digest: string | null
  readonly sizeBytes: number | null
  readonly modifiedAt: string | null
  readonly details: Readonly<Record<string, unknown>>
  readonly capabilities: readonly string[]
  readonly contextLength: number | null
  /** The host sends calls of it on to a cloud: where it answers nobody here knows. */
  readonly isForwarded?: boolean
  /** Earlier weights that the host keeps under a name of their own, by digest. */
  readonly kept: Readonly<Record<string, { readonly name: string; readonly size: number | null }>>
}

/** Is a host one that calls may go to? */
export function takesCalls(host: Host): boolean {
  return host.isEnabled && !host.isDraining
}
