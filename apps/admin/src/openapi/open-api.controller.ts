import { Controller, Get } from '@nestjs/common'
import { Public } from '@tollgate/tenants/people'
import { z } from 'zod'
import { Answers } from './answers'
import { OpenApi } from './open-api'

/** The document of all routes, for clients and generators. */
@Controller()
export class OpenApiController {
  constructor(private readonly openApi: OpenApi) {}

  @Public()
  @Answers(z.looseObject({ openapi: z.literal('3.1.0'), paths: z.record(z.string(), z.unknown()) }))
  @Get('openapi.json')
  document() {
    return this.openApi.document()
  }
}
