import { isIP } from 'node:net'
import { z } from 'zod'
import { KEY_SCOPES } from '@tollgate/tenants/domain'
import { budgetDuration, instant, label, modelPattern, money, slug, wholePositive } from '../../fields.schema'

const cidr = z.string().refine(isCidr, 'must be a CIDR such as 192.0.2.0/24')

export const createKeyBody = z
  .strictObject({
    name: label,
    project: slug.nullable().optional(),
    allowed_models: z.array(modelPattern).max(500).nullable().optional(),
    allowed_regions: z.array(slug).max(50).nullable().optional(),
    rpm_limit: wholePositive(2 ** 31 - 1).nullable().optional(),
    tpm_limit: wholePositive(10 ** 12).nullable().optional(),
    max_parallel_requests: wholePositive(100_000).nullable().optional(),
    max_budget: money.nullable().optional(),
    soft_budget: money.nullable().optional(),
    budget_duration: budgetDuration.optional(),
    expires_at: instant.nullable().optional(),
    ip_cidrs: z.array(cidr).min(1, 'must not be empty').max(100).nullable().optional(),
    scopes: z.array(z.enum(KEY_SCOPES)).min(1, 'must name at least one scope').optional(),
  })
  .meta({ id: 'NewKey' })

/** Overlap of at most a day (security.md). */
export const rotateKeyBody = z.strictObject({ overlap_seconds: z.number().int('must be a whole number').min(0).max(86_400, 'must be at most 86400, a day') }).meta({ id: 'RotateKey' })

export type CreateKeyBody = z.output<typeof createKeyBody>
export type RotateKeyBody = z.output<typeof rotateKeyBody>

function isCidr(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  return family !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits ?? '') && Number(bits) <= (family === 6 ? 128 : 32)
}
