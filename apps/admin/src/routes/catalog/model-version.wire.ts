import { digestsOf, driftOf, type Drift, type Holding, type ModelVersion } from '@tollgate/catalog/versions'
import { instantReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import type { ModelVersions, Rollback } from '../../model-versions'
import { queuedReply, queuedWire, successReply } from '../rollouts/rollout.wire'

type Pin = Awaited<ReturnType<ModelVersions['pin']>>

interface Versions {
  readonly entry: { readonly name: string; readonly pinnedDigest: string | null; readonly currentVersion: number | null }
  readonly versions: readonly ModelVersion[]
  readonly holdings: readonly Holding[]
}

/** Which digests hosts hold, what calls are held to, and who drifts from it. */
export const heldReply = z.strictObject({
  pinned_digest: z.string().nullable().meta({ description: 'Null: calls are held to none' }),
  digests: z.array(z.strictObject({ digest: z.string(), hosts: z.array(z.string()) })),
  drift: z
    .strictObject({ kind: z.enum(['mixed', 'off_pin']).meta({ description: 'mixed: no pin, several digests. off_pin: a host holds another than the pinned' }), hosts: z.array(z.string()).readonly() })
    .nullable(),
})

const versionReply = z
  .strictObject({
    version: z.int(),
    cause: z.enum(['definition', 'digest']).meta({ description: 'definition: an operator changed it. digest: a host was found to hold other weights' }),
    digest: z.string().nullable().meta({ description: 'Null until a host is found to hold it' }),
    base_model: z.string().nullable(),
    modelfile: z.string().nullable(),
    parameters: z.record(z.string(), z.unknown()),
    prompt: z.string().nullable(),
    hosts: z.array(z.string()),
    kept_by: z.array(z.string()).meta({ description: 'Hosts that hold its weights beside later ones' }),
    created_at: instantReply,
  })
  .meta({ id: 'ModelVersion' })

/** Versions with who holds the weights of each now. */
export const versionsReply = z
  .strictObject({ model: z.string(), current_version: z.int().nullable(), ...heldReply.shape, data: z.array(versionReply) })
  .meta({ id: 'ModelVersions' })

export function versionsWire({ entry, versions, holdings }: Versions): z.output<typeof versionsReply> {
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

export function heldWire(model: string, pinned: string | null, holdings: readonly Holding[]): z.output<typeof heldReply> {
  return { pinned_digest: pinned, digests: digestsOf(holdings), drift: driftWire(driftOf(model, pinned, holdings)) }
}

/** What a rollback led to; its jobs, if any, build what no host has any more. */
export const rollbackReply = queuedReply.extend({ version: z.int(), pinned_digest: z.string().nullable() })

export function rollbackWire({ model, version, pinnedDigest, jobs }: Rollback): z.output<typeof rollbackReply> {
  return { ...queuedWire(`Model ${model} rolled back to version ${version}${jobs.length > 0 ? ', which hosts are building' : ''}`, jobs), version, pinned_digest: pinnedDigest }
}

/** What calls are held to from now on. */
export const pinReply = successReply.extend({ pinned_digest: z.string().nullable() })

export function pinWire({ model, digest }: Pin): z.output<typeof pinReply> {
  return { status: 'success', message: digest === null ? `Model ${model} is not pinned any more` : `Model ${model} is pinned to ${digest.slice(0, 12)}`, pinned_digest: digest }
}

function driftWire(drift: Drift | null): z.output<typeof heldReply>['drift'] {
  return drift && { kind: drift.kind, hosts: drift.hosts }
}
