import { z } from 'zod'
import { PLATFORM_ROLES, TENANT_ROLES } from '@tollgate/tenants/domain'
import { newPassword } from '../auth/auth.schema'

const email = z.email('must be an e-mail address').max(200)

export const createStaffBody = z.strictObject({ email, password: newPassword, role: z.enum(PLATFORM_ROLES) }).meta({ id: 'NewStaff' })
export const changeStaffBody = z.strictObject({ password: newPassword, role: z.enum(PLATFORM_ROLES), is_disabled: z.boolean() }).partial().meta({ id: 'StaffChanges' })
export const createMemberBody = z.strictObject({ email, password: newPassword, role: z.enum(TENANT_ROLES) }).meta({ id: 'NewMember' })
export const changeMemberBody = z.strictObject({ password: newPassword, role: z.enum(TENANT_ROLES), is_disabled: z.boolean() }).partial().meta({ id: 'MemberChanges' })

export type CreatePersonBody = z.output<typeof createStaffBody> | z.output<typeof createMemberBody>
export type ChangePersonBody = z.output<typeof changeStaffBody> | z.output<typeof changeMemberBody>
