import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common'
import type { HttpReply } from '@tollgate/platform/http'

/** No reply of the control plane may be kept by a cache. Errors say so themselves (platform/http). */
@Injectable()
export class NoStore implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    void context.switchToHttp().getResponse<HttpReply>().header('cache-control', 'no-store')
    return next.handle()
  }
}
