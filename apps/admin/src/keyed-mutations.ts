import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common'
import { fingerprint, keyHashOf, MutationKeysService } from '@tollgate/idempotency'
import { RefusalError } from '@tollgate/kernel'
import type { HttpReply, HttpRequest } from '@tollgate/platform/http'
import type { SignedInRequest } from '@tollgate/tenants/people'
import { defer, lastValueFrom } from 'rxjs'

type KeyedHttp = HttpRequest & SignedInRequest

/**
 * Changes under /admin that come with an `Idempotency-Key`: made once, and answered alike each time. Runs behind the
 * guard, so a reply is given again only to the account that made the change, and only while it still may.
 */
@Injectable()
export class KeyedMutations implements NestInterceptor {
  constructor(private readonly keys: MutationKeysService) {}

  intercept(context: ExecutionContext, next: CallHandler) {
    const http = context.switchToHttp().getRequest<KeyedHttp>()
    const isKeyed = http.headers['idempotency-key'] !== undefined && http.method !== 'GET' && http.method !== 'HEAD' && http.routeOptions.url?.startsWith('/admin/')
    return isKeyed ? defer(() => this.once(http, context.switchToHttp().getResponse<HttpReply>(), next)) : next.handle()
  }

  private async once(http: KeyedHttp, reply: HttpReply, next: CallHandler): Promise<unknown> {
    const keyHash = keyHashOf(http.headers['idempotency-key'])
    if (!Buffer.isBuffer(keyHash)) throw new RefusalError(keyHash)
    const place = { holder: http.user.accountId, route: `${http.method} ${http.routeOptions.url}`, keyHash }
    const bodyHash = fingerprint({ params: http.params, query: http.query, body: http.body })
    const begun = await this.keys.begin({ place, bodyHash, requestId: http.id })
    if (begun.kind === 'refused') throw new RefusalError(begun.refusal)
    if (begun.kind === 'replay') {
      void reply.code(begun.reply.status).header('idempotency-replayed', 'true')
      return begun.reply.body
    }
    const { life } = begun
    try {
      const body: unknown = await lastValueFrom(next.handle(), { defaultValue: undefined })
      await this.keys.complete(life, { status: reply.statusCode, body })
      return body
    } catch (error) {
      await (isRefusal(error) ? this.keys.free(life) : this.keys.leave(life))
      throw error
    }
  }
}

/** An expected no: nothing was changed, or what was changed may be repeated. Anything else leaves it unknown. */
function isRefusal(error: unknown): boolean {
  const status = (error as { getStatus?: () => number }).getStatus?.()
  return error instanceof RefusalError || (status !== undefined && status < 500)
}
