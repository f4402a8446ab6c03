import { z } from 'zod'
import { picoFromDecimal } from '@tollgate/kernel'

const NO_AMOUNT = 'must be a decimal string such as "100.00", or "-20.00" to take back, with at most 12 decimals and not zero'

/** A payment, or below zero a reversal, in pico. Zero books nothing and is a mistake. */
const amount = z
  .string(NO_AMOUNT)
  .refine((text) => (signedPico(text) ?? 0n) !== 0n, NO_AMOUNT)
  .transform((text) => signedPico(text)!)
  .meta({ description: 'Decimal string in the tenant’s currency; below zero it takes back what is unspent', example: '100.00' })

export const grantBody = z.strictObject({ amount, reason: z.string().trim().min(1, 'must not be empty').max(500) }).meta({ id: 'NewCredit' })

export type GrantBody = z.output<typeof grantBody>

function signedPico(text: string): bigint | null {
  const pico = picoFromDecimal(text.startsWith('-') ? text.slice(1) : text)
  return pico !== null && text.startsWith('-') ? -pico : pico
}
