import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { sendRefusal, toRefusal, type HttpReply, type HttpRequest } from './send-refusal'

/** The one filter: whatever a handler or guard throws leaves as an error of the catalogue. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly logger: ProcessLogger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp()
    const request = http.getRequest<HttpRequest>()
    sendRefusal(request, http.getResponse<HttpReply>(), toRefusal(error, request, this.logger))
  }
}
