import type { KeptAnswer } from '@tollgate/idempotency'
import type { HttpRequest } from '@tollgate/platform/http'
import type { GuardedRequest } from '@tollgate/tenants'

/** Fastify request after the guard. */
export type CallerRequest = HttpRequest &
  Required<Pick<GuardedRequest, 'caller'>> & {
    /** There for a keyed call whose answer is to be kept: called with it before it goes out. Never rejects. */
    keepAnswer?: (answer: KeptAnswer) => Promise<void>
    /** What this call was answered before, under the same key. */
    keptAnswer?: KeptAnswer
  }
