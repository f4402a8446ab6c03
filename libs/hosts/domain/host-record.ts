import type { Host } from './host'

/** A host as operators see it. Money is pico; of the sealed secret `secretHint` holds the last four characters, `secretFingerprint` the beginning of its SHA-256. */
export interface HostRecord extends Host {
  readonly vramBytes: number | null
  /** What its models may take of its disk; null = unknown, then nothing is checked. */
  readonly diskBytes: number | null
  /** Since when its probes fail; null = they pass. */
  readonly unhealthySince: Date | null
  readonly secretHint: string | null
  readonly secretFingerprint: string | null
  readonly version: string | null
  readonly lastProbeAt: Date | null
  readonly lastError: string | null
  /** It answered a caller without our credential when last asked; null = not asked. */
  readonly isOpenToAll: boolean | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** A model on a host as the last probe saw it. */
export interface HeldModel {
  readonly hostId: string
  readonly model: string
  readonly upstreamName: string
  readonly digest: string | null
  readonly sizeBytes: number | null
  readonly seenAt: Date
}

/** A time a host stood at one cost per hour, in pico of US dollars. */
export interface CostSpan {
  readonly host: string
  readonly region: string
  readonly costPerHourPico: bigint
  readonly ms: number
}

/** A place where hosts are; `distancesMs` are round trips to the others. */
export interface Region {
  readonly slug: string
  readonly name: string
}

/** What a list may show of a secret: its last four characters, and nothing of one that is too short to hide the rest. */
export function hintOf(secret: string): string {
  return secret.length >= 12 ? secret.slice(-4) : ''
}
