import { SetMetadata, type CustomDecorator } from '@nestjs/common'
import type { Permission } from '../domain/permissions'

/** Metadata key of what a handler asks for: permissions, any one of which suffices, or `public`. */
export const PERMIT = 'tollgate:permit'

/** What a handler declares. */
export type Declaration = readonly Permission[] | 'public'

/** Lets in whoever holds any of these permissions. */
export const Permit = (...permissions: [Permission, ...Permission[]]): CustomDecorator => SetMetadata(PERMIT, permissions)

/** Lets everybody in: log-in, health, documentation. */
export const Public = (): CustomDecorator => SetMetadata(PERMIT, 'public')
