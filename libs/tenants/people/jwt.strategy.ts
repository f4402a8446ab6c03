import { Inject, Injectable } from '@nestjs/common'
import { PassportStrategy } from '@nestjs/passport'
import { ExtractJwt, Strategy } from 'passport-jwt'
import { isUuid, refuse, RefusalError, type Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import type { Principal } from '../domain/person'
import { AccountStore } from './account.store'
import { areSound, TOKEN_ALGORITHM, TOKEN_AUDIENCE, TOKEN_ISSUER, type AccessClaims } from './access-token'

/**
 * From `Authorization: Bearer <JWT>` to a principal. One algorithm, one secret, every claim demanded; role and tenant
 * come from the database, so that a demotion or a log-out holds at once.
 */
@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy) {
  constructor(
    @Inject(CONFIG) config: ClusterConfig,
    private readonly accounts: AccountStore,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    super({
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      secretOrKey: config.TOLLGATE_JWT_SECRET,
      algorithms: [TOKEN_ALGORITHM],
      issuer: TOKEN_ISSUER,
      audience: TOKEN_AUDIENCE,
      ignoreExpiration: false,
    })
  }

  /** False = not logged in. @throws RefusalError 503 when accounts cannot be read: an outage is never a 401 */
  async validate(claims: Partial<AccessClaims>): Promise<Principal | false> {
    if (!areSound(claims, this.clock.now()) || !isUuid(claims.sub) || !isUuid(claims.sid)) return false
    try {
      return (await this.accounts.principal(claims.sub, claims.sid)) ?? false
    } catch {
      throw new RefusalError(refuse('accounts_unavailable', {}, { retryAfterSeconds: 2 }))
    }
  }
}
