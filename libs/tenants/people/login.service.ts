import { createHash } from 'node:crypto'
import { Inject, Injectable } from '@nestjs/common'
import { JwtService } from '@nestjs/jwt'
import { refuse, RefusalError, type Clock, type Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import type { Principal } from '../domain/person'
import { isPassword } from '../password-hash'
import { ACCESS_TOKEN_SECONDS } from './access-token'
import { AccountStore } from './account.store'
import { SessionStore } from './session.store'

const SESSION_MS = 12 * 60 * 60 * 1000
const REFRESH_BYTES = 32

/** A pair of tokens. The refresh token works once and is shown only here. */
export interface TokenPair {
  readonly accessToken: string
  readonly refreshToken: string
  readonly expiresInSeconds: number
}

/** Log-in, refresh and log-out. */
@Injectable()
export class LoginService {
  constructor(
    private readonly accounts: AccountStore,
    private readonly sessions: SessionStore,
    private readonly jwt: JwtService,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** @throws RefusalError the same one, after the same work, for an unknown address, a wrong password and a disabled person */
  async login(email: string, password: string): Promise<TokenPair> {
    const account = await this.accounts.byEmail(email.toLowerCase()).catch(unavailable)
    const isRight = await isPassword(password, account?.passwordHash ?? null)
    if (!account || !isRight || account.isDisabled) throw new RefusalError(refuse('invalid_credentials'))
    const refreshToken = this.newRefreshToken()
    const id = this.ids.uuid()
    const expiresAt = new Date(this.clock.now() + SESSION_MS)
    await this.sessions.open({ id, accountId: account.id, refreshHash: hashOf(refreshToken), expiresAt }).catch(unavailable)
    return this.pair(account.id, id, refreshToken)
  }

  /** The session keeps the end it was given at log-in: twelve hours, however often it is refreshed. */
  async refresh(refreshToken: string): Promise<TokenPair> {
    const next = this.newRefreshToken()
    const session = await this.sessions.rotate(hashOf(refreshToken), hashOf(next)).catch(unavailable)
    if (!session) throw new RefusalError(refuse('invalid_token'))
    return this.pair(session.accountId, session.id, next)
  }

  /** Ends the session: its access and refresh tokens are refused from now on. */
  async logout(principal: Principal): Promise<void> {
    await this.sessions.close(principal.accountId, principal.sessionId)
  }

  private async pair(accountId: string, sessionId: string, refreshToken: string): Promise<TokenPair> {
    const iat = Math.floor(this.clock.now() / 1000)
    const claims = { sub: accountId, sid: sessionId, jti: this.ids.uuid(), iat, nbf: iat, exp: iat + ACCESS_TOKEN_SECONDS }
    return { accessToken: await this.jwt.signAsync(claims), refreshToken, expiresInSeconds: ACCESS_TOKEN_SECONDS }
  }

  private newRefreshToken(): string {
    return this.ids.bytes(REFRESH_BYTES).toString('base64url')
  }
}

/** Accounts that cannot be read are an outage, never a wrong password. */
function unavailable(): never {
  throw new RefusalError(refuse('accounts_unavailable', {}, { retryAfterSeconds: 2 }))
}

/** Refresh tokens carry 256 random bits, so a fast hash is right. */
function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
