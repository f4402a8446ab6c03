import { Injectable, type ExecutionContext } from '@nestjs/common'
import { ThrottlerGuard, type ThrottlerLimitDetail } from '@nestjs/throttler'
import { refuse, RefusalError } from '@tollgate/kernel'

/** Log-ins a minute and address, shared by all processes through Redis. */
export const LOGINS_PER_MINUTE = 10

/** The coarse flood shield of log-in: @nestjs/throttler, with our error and our Retry-After. */
@Injectable()
export class LoginThrottleGuard extends ThrottlerGuard {
  protected override throwThrottlingException(_context: ExecutionContext, detail: ThrottlerLimitDetail): Promise<void> {
    throw new RefusalError(refuse('too_many_failed_logins', {}, { retryAfterSeconds: Math.max(1, Math.ceil(detail.timeToBlockExpire)) }))
  }
}
