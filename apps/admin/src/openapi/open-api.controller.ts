import { Controller, Get } from '@nestjs/common'
import { Public } from '@tollgate/tenants/people'
import { OpenApi } from './open-api'

/** The document of all routes, for clients and generators. */
@Controller()
export class OpenApiController {
  constructor(private readonly openApi: OpenApi) {}

  @Public()
  @Get('openapi.json')
  document() {
    return this.openApi.document()
  }
}
