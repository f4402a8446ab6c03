import { digestsOf, driftOf, type Drift, type Holding, type ModelVersion } from '@tollgate/catalog/versions'
import type { Rollback } from '../../model-versions'
import { queuedWire } from '../rollouts/rollout.wire'

interface Versions {
  readonly entry: { readonly name: string; readonly pinnedDigest: string | null; readonly currentVersion: number | null }
  readonly versions: readonly ModelVersion[]
  readonly holdings: readonly Holding[]
}

/** Versions with who holds the weights of each now. */
export function versionsWire({ entry, versions, holdings }: Versions) {
  return {
    model: entry.name,
    current_version: entry.currentVersion,
    ...heldWire(entry.name, entry.pinnedDigest, holdings),
    data: versions.map((version) => ({
      version: version.version,
      cause: version.cause,
      digest: version.digest,
      base_model: version.baseModel,
      modelfile: version.modelfile,
      parameters: version.parameters,
      prompt: version.prompt,
      hosts: holdings.filter(({ digest }) => digest !== null && digest === version.digest).map(({ host }) => host),
      kept_by: holdings.filter(({ kept }) => version.digest !== null && kept.includes(version.digest)).map(({ host }) => host),
      created_at: version.createdAt,
    })),
  }
}

/** Which digests hosts hold, what calls are held to, and who drifts from it. */
export function heldWire(model: string, pinned: string | null, holdings: readonly Holding[]) {
  return { pinned_digest: pinned, digests: digestsOf(holdings), drift: driftWire(driftOf(model, pinned, holdings)) }
}

/** What a rollback led to; its jobs, if any, build what no host has any more. */
export function rollbackWire({ model, version, pinnedDigest, jobs }: Rollback) {
  return { ...queuedWire(`Model ${model} rolled back to version ${version}${jobs.length > 0 ? ', which hosts are building' : ''}`, jobs), version, pinned_digest: pinnedDigest }
}

function driftWire(drift: Drift | null) {
  return drift && { kind: drift.kind, hosts: drift.hosts }
}
