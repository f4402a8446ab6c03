import { Body, Controller, Get, HttpCode, Post, Put } from '@nestjs/common'
import { Permit, type Principal } from '@tollgate/tenants/people'
import type { z } from 'zod'
import { OperatorConfig } from '../../config/operator-config'
import { Answers } from '../../openapi/answers'
import { SignedIn } from '../../signed-in'
import { configBody, type ConfigBody } from './config.schema'
import { appliedReply, configFileReply, diffReply, stepWire } from './config.wire'

/** The operator's one file. What it does not name stays as it is; nothing is removed by it. */
@Controller('admin/config')
export class ConfigController {
  constructor(private readonly config: OperatorConfig) {}

  /** What is in force, as a file. */
  @Permit('config:read')
  @Answers(configFileReply)
  @Get()
  async export(): Promise<z.output<typeof configFileReply>> {
    return { yaml: await this.config.export() }
  }

  /** What a file would change; nothing is changed. */
  @Permit('config:read')
  @Answers(diffReply)
  @Post('diff')
  @HttpCode(200)
  async diff(@Body({ schema: configBody }) body: ConfigBody): Promise<z.output<typeof diffReply>> {
    return { changes: (await this.config.plan(body)).map(stepWire) }
  }

  @Permit('config:write')
  @Answers(appliedReply)
  @Put()
  async apply(@SignedIn() who: Principal, @Body({ schema: configBody }) body: ConfigBody): Promise<z.output<typeof appliedReply>> {
    const { steps, warnings } = await this.config.apply(body, who.accountId)
    return { changes: steps.map(stepWire), warnings }
  }
}
