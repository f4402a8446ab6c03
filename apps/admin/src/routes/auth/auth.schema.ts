import { z } from 'zod'

export const loginBody = z.strictObject({ email: z.email('must be an e-mail address').max(200), password: z.string().min(1, 'must not be empty').max(1000) }).meta({ id: 'Login' })

export const refreshBody = z.strictObject({ refresh_token: z.string().min(1).max(200) }).meta({ id: 'Refresh' })

/** A password somebody chooses; long is what counts. */
export const newPassword = z.string().min(12, 'must have at least 12 characters').max(1000)

export type LoginBody = z.output<typeof loginBody>
export type RefreshBody = z.output<typeof refreshBody>
