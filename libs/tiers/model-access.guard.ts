import { Injectable, SetMetadata, type CanActivate, type ExecutionContext } from '@nestjs/common'
import { Reflector } from '@nestjs/core'
import { refuse, RefusalError, type Caller } from '@tollgate/kernel'

const SCOPE = 'tollgate:scope'

/** Which scope of an API key a route needs, e.g. `chat`. */
export const NeedsScope = (scope: 'chat' | 'models:read' | 'report:read') => SetMetadata(SCOPE, scope)

/**
 * The thin guard behind the key's: may this key touch models, lists or reports at all? Which model it may use is decided
 * in the corridor, because guards run before a body is validated and an alias is resolved.
 */
@Injectable()
export class ModelAccessGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const scope = this.reflector.get<string | undefined>(SCOPE, context.getHandler())
    const { caller } = context.switchToHttp().getRequest<{ caller?: Caller }>()
    if (!scope || !caller) throw new Error('a data-plane route lacks its scope or its key guard')
    if (!caller.key.scopes.includes(scope)) throw new RefusalError(refuse('scope_not_allowed', { scope }))
    return true
  }
}
