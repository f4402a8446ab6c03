import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common'
import { LRUCache } from 'lru-cache'
import { refuse, RefusalError, type Caller, type Clock } from '@tollgate/kernel'
import { CLOCK } from '@tollgate/platform/clock'
import { RedisThrottlerStorage } from '@tollgate/platform/throttle'
import { AuthenticationService } from './authentication.service'
import { addressBlock, isInside } from './domain/caller-address'

/** Failed attempts a minute and address block (/24, or /56 for IPv6) before the block is answered 429 (security.md). */
const FAILURES_PER_MINUTE = 20
const WINDOW_MS = 60_000

/** What the guard needs of a Fastify request, and where it leaves the caller. */
export interface GuardedRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly ip: string
  readonly url: string
  caller?: Caller
}

/** The thin guard on the data plane's door: header → caller. What the caller may do is decided in the corridor. */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  private readonly blockedUntilMs = new LRUCache<string, number>({ max: 10_000 })

  constructor(
    private readonly authentication: AuthenticationService,
    private readonly shield: RedisThrottlerStorage,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<GuardedRequest>()
    if (this.blockedUntilMs.size > 0) this.refuseBlocked(request.ip)
    if (/[?&](api_?key|key|token)=/i.test(request.url)) throw new RefusalError(refuse('api_key_in_query'))
    const result = await this.authentication.authenticate(credentialOf(request.headers))
    if (result.kind === 'refused') {
      // The shield guards the store that a well-formed key is looked up in; junk never gets that far.
      if (result.refusal.status === 401 && !result.isJunk) await this.countFailure(addressBlock(request.ip))
      throw new RefusalError(result.refusal)
    }
    if (result.cidrs && !isInside(request.ip, result.cidrs)) throw new RefusalError(refuse('address_not_allowed'))
    request.caller = result.caller
    return true
  }

  private refuseBlocked(ip: string): void {
    const leftMs = (this.blockedUntilMs.get(addressBlock(ip)) ?? 0) - this.clock.now()
    if (leftMs > 0) throw tooMany(leftMs)
  }

  private async countFailure(block: string): Promise<void> {
    const { isBlocked, timeToExpire } = await this.shield.increment(block, WINDOW_MS, FAILURES_PER_MINUTE, WINDOW_MS, 'failed-key')
    if (!isBlocked) return
    this.blockedUntilMs.set(block, this.clock.now() + timeToExpire * 1000)
    throw tooMany(timeToExpire * 1000)
  }
}

function tooMany(waitMs: number): RefusalError {
  return new RefusalError(refuse('too_many_failed_logins', {}, { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) }))
}

/** `Authorization: Bearer …`, `x-api-key` or `api-key`; empty when there is none. */
function credentialOf(headers: GuardedRequest['headers']): string {
  const header = headers.authorization
  if (typeof header === 'string' && /^bearer /i.test(header)) return header.slice('bearer '.length).trim()
  const key = headers['x-api-key'] ?? headers['api-key']
  return typeof key === 'string' ? key.trim() : ''
}
