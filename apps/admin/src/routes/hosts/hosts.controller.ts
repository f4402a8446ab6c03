import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common'
import { FleetAdminService } from '@tollgate/hosts'
import { Permit } from '@tollgate/tenants/people'
import { pageReply } from '@tollgate/platform/json-schema'
import { pageQuery } from '../../fields.schema'
import { HostAdminService, type HostOutcome } from '../../host-admin.service'
import { Answers } from '../../openapi/answers'
import { pageOf } from '../../paging'
import { HostViews } from './host-views'
import { changeHostBody, createHostBody, type ChangeHostBody, type CreateHostBody } from './host.schema'
import { hostFields, hostReply, hostWire, outcomeReply, outcomeWire } from './host.wire'

/** Hosts: once added and reachable, they serve without a restart. */
@Controller('admin/hosts')
export class HostsController {
  constructor(
    private readonly hosts: HostAdminService,
    private readonly fleet: FleetAdminService,
    private readonly views: HostViews,
  ) {}

  @Permit('hosts:read')
  @Answers(pageReply(hostReply))
  @Get()
  async list(@Query({ schema: pageQuery }) query: { limit: number; after?: string }) {
    const page = await pageOf(query, (range) => this.fleet.list(range), (host) => host.name, (host) => host)
    const facts = await this.views.of(page.data)
    return { ...page, data: page.data.map((host) => hostWire(host, facts.get(host.id)!)) }
  }

  @Permit('hosts:write')
  @Answers(outcomeReply)
  @Post()
  async add(@Body({ schema: createHostBody }) body: CreateHostBody) {
    const { name, region, provider, base_url: baseUrl } = body
    return this.reply(await this.hosts.add({ ...hostFields(body), name, region, provider, baseUrl }))
  }

  @Permit('hosts:read')
  @Answers(hostReply)
  @Get(':host')
  async one(@Param('host') name: string) {
    const host = await this.fleet.get(name)
    return hostWire(host, (await this.views.of([host])).get(host.id)!)
  }

  @Permit('hosts:write')
  @Answers(outcomeReply)
  @Patch(':host')
  async change(@Param('host') name: string, @Body({ schema: changeHostBody }) body: ChangeHostBody) {
    return this.reply(await this.hosts.change(name, hostFields(body)))
  }

  @Permit('hosts:write')
  @Answers(outcomeReply)
  @Post(':host/probe')
  @HttpCode(200)
  async probe(@Param('host') name: string) {
    return this.reply(await this.hosts.probe(name))
  }

  @Permit('hosts:write')
  @Delete(':host')
  @HttpCode(204)
  async remove(@Param('host') name: string): Promise<void> {
    await this.fleet.remove(await this.fleet.get(name))
  }

  private async reply(outcome: HostOutcome) {
    return outcomeWire(outcome, (await this.views.of([outcome.host])).get(outcome.host.id)!)
  }
}
