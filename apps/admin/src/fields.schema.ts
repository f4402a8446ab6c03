import { z } from 'zod'
import { canonicalModel, decimalFromPico, perMillionFromPico, picoFromDecimal, picoPerTokenFromPerMillion } from '@tollgate/kernel'

/** Slug of a tenant, project, tier or region. */
export const slug = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 of a-z, 0-9 and "-", beginning with a letter or digit')

/** Name for people. */
export const label = z.string().trim().min(1, 'must not be empty').max(200)

export const modelName = z
  .string()
  .trim()
  .min(1, 'must not be empty')
  .max(200)
  .refine((name) => name === '' || canonicalModel(name) !== '', 'must be more than a tag')

/** Exact name, `family:*` or `*`. */
export const modelPattern = modelName.refine((text) => !text.includes('*') || text === '*' || /^[^*]+:\*$/.test(text), 'must be a model name, "family:*" or "*"')

/** Money of a budget: a decimal string in the tenant's currency; pico inside. */
export const money = z
  .string('must be a decimal string such as "50.00"')
  .refine((text) => picoFromDecimal(text) !== null, 'must be a decimal string such as "50.00", with at most 12 decimals')
  .transform((text) => picoFromDecimal(text)!)
  .meta({ description: 'Decimal string, for example "50.00"', example: '50.00' })

/** A price per million tokens: at most six decimals, so that it is a whole number of pico per token. */
export const perMillion = z
  .string('must be a decimal string such as "0.15"')
  .refine((text) => picoPerTokenFromPerMillion(text) !== null, 'must be a decimal string per million tokens with at most 6 decimals')
  .transform((text) => picoPerTokenFromPerMillion(text)!)
  .meta({ description: 'Decimal string per million tokens, at most 6 decimals', example: '0.15' })

export const budgetDuration = z.enum(['day', 'week', 'month'])

/** RFC 3339 with a zone. */
export const instant = z.iso.datetime({ offset: true, message: 'must be an RFC 3339 time such as 2026-01-31T00:00:00Z' }).transform((text) => new Date(text))

export const wholePositive = (most: number) => z.number().int('must be a whole number').min(1, 'must be at least 1').max(most)

/** Cursor paging of every list. */
export const pageQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(200).default(50), after: z.string().max(200).optional() })

/** As `pageQuery`, for lists in the order of ids. */
export const idPageQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(200).default(50), after: z.uuid('must be the id that `next` gave').optional() })

/** Pico as the wire's decimal string; null stays null. */
export function moneyText(pico: bigint | null): string | null {
  return pico === null ? null : decimalFromPico(pico)
}

/** Pico per token as the wire's decimal string per million tokens. */
export function perMillionText(pico: bigint | null): string | null {
  return pico === null ? null : perMillionFromPico(pico)
}
