import { Body, Controller, Get, HttpCode, Post, Put } from '@nestjs/common'
import { Permit, type Principal } from '@tollgate/tenants/people'
import type { Step } from '../../config/draft'
import { OperatorConfig } from '../../config/operator-config'
import { SignedIn } from '../../signed-in'
import { configBody, type ConfigBody } from './config.schema'

/** The operator's one file. What it does not name stays as it is; nothing is removed by it. */
@Controller('admin/config')
export class ConfigController {
  constructor(private readonly config: OperatorConfig) {}

  /** What is in force, as a file. */
  @Permit('config:read')
  @Get()
  async export() {
    return { yaml: await this.config.export() }
  }

  /** What a file would change; nothing is changed. */
  @Permit('config:read')
  @Post('diff')
  @HttpCode(200)
  async diff(@Body({ schema: configBody }) body: ConfigBody) {
    return { changes: (await this.config.plan(body)).map(stepWire) }
  }

  @Permit('config:write')
  @Put()
  async apply(@SignedIn() who: Principal, @Body({ schema: configBody }) body: ConfigBody) {
    const { steps, warnings } = await this.config.apply(body, who.accountId)
    return { changes: steps.map(stepWire), warnings }
  }
}

function stepWire({ object, name, op, fields }: Step) {
  return { object, name, op, fields }
}
