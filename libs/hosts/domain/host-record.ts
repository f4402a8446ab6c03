import type { Host } from './host'

/** A host as operators see it. Money is pico; `secretHint` holds the last four characters of the sealed secret. */
export interface HostRecord extends Host {
  readonly costPerHourPico: bigint | null
  readonly vramBytes: number | null
  readonly secretHint: string | null
  readonly version: string | null
  readonly lastProbeAt: Date | null
  readonly lastError: string | null
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

/** A place where hosts are; `distancesMs` are round trips to the others. */
export interface Region {
  readonly slug: string
  readonly name: string
}

/** What a list may show of a secret: its last four characters, and nothing of one that is too short to hide the rest. */
export function hintOf(secret: string): string {
  return secret.length >= 12 ? secret.slice(-4) : ''
}
