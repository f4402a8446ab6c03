import { Inject, Injectable, type ExecutionContext } from '@nestjs/common'
import { Reflector } from '@nestjs/core'
import { AuthGuard } from '@nestjs/passport'
import { refuse, RefusalError } from '@tollgate/kernel'
import { holds } from '../domain/permissions'
import type { Principal } from '../domain/person'
import { PERMIT, type Declaration } from './permit'

/** A request the guard let in. */
export interface SignedInRequest {
  readonly params: Readonly<Record<string, string>>
  user: Principal
}

/**
 * The control plane's one guard: who is it, and may they? A handler that declares nothing is closed to all. People of a
 * tenant reach only routes under `/tenants/:tenant` with their own slug; another's answers like one that does not exist.
 */
@Injectable()
export class PermitGuard extends AuthGuard('jwt') {
  constructor(@Inject(Reflector) private readonly reflector: Reflector) {
    super()
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const declared = this.reflector.getAllAndOverride<Declaration | undefined>(PERMIT, [context.getHandler(), context.getClass()])
    if (declared === 'public') return true
    await super.canActivate(context)
    const { user, params } = context.switchToHttp().getRequest<SignedInRequest>()
    if (declared?.includes('self')) return true
    const { tenant } = params
    if (user.tenantId !== null && tenant !== undefined && tenant !== user.tenantSlug) throw new RefusalError(refuse('object_not_found', { object: 'Tenant', name: tenant }))
    const isWithin = user.tenantId === null || tenant !== undefined
    if (!isWithin || !declared?.some((permission) => holds(user.role, permission))) throw new RefusalError(refuse('permission_denied', { permission: declared?.[0] ?? 'this' }))
    return true
  }

  /** Passport's verdict in the words of our catalogue. A fault of ours stays one. */
  override handleRequest<User>(error: unknown, user: User | false | undefined): User {
    if (error) throw error
    if (!user) throw new RefusalError(refuse('invalid_token'))
    return user
  }
}
