import { JOB_STATES } from '@tollgate/rollouts'
import { z } from 'zod'
import { idPageQuery, modelName, slug } from '../../fields.schema'

/** A name that a host may pull: no registry's host in front, since only the default registry is trusted (security.md F61). */
const pullable = modelName.regex(/^[\w][\w.-]*(\/[\w][\w.-]*)?(:[\w][\w.-]*)?$/, "must be a model's name such as llama3.2:3b, without a registry's host")

const where = { hosts: z.array(z.string().max(200)).min(1).max(200).optional(), regions: z.array(slug).min(1).max(50).optional() }

export const pullBody = z.strictObject({ model: pullable, ...where }).meta({ id: 'PullModel' })
export const createBody = z.strictObject({ modelfile: z.string().min(1).max(500_000).optional(), ...where }).meta({ id: 'CreateModel' })
export const preloadBody = z.strictObject(where).meta({ id: 'PreloadModel' })
const wholeToThousand = z.int().min(0).max(1_000)
export const copiesBody = z
  .strictObject({ copies: z.array(z.strictObject({ region: slug, copies: wholeToThousand, min_live: wholeToThousand.optional() })).max(200) })
  .meta({ id: 'ModelCopiesInput' })
export const jobState = z.enum(JOB_STATES)
export const jobsQuery = idPageQuery.extend({ state: jobState.optional(), model: modelName.optional() })

export type PullBody = z.output<typeof pullBody>
export type CreateBody = z.output<typeof createBody>
export type PreloadBody = z.output<typeof preloadBody>
export type CopiesBody = z.output<typeof copiesBody>
export type JobsQuery = z.output<typeof jobsQuery>
