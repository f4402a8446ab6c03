import { Body, Controller, Get, Post } from '@nestjs/common'
import { FleetAdminService } from '@tollgate/hosts'
import { Permit } from '@tollgate/tenants/people'
import { pageReply } from '@tollgate/platform/json-schema'
import { invalid, type Problem } from '../../invalid'
import { Answers } from '../../openapi/answers'
import { createRegionBody, type CreateRegionBody } from './host.schema'
import { regionReply, regionWire } from './region.wire'

/** Regions and the distances between them. */
@Controller('admin/regions')
export class RegionsController {
  constructor(private readonly fleet: FleetAdminService) {}

  @Permit('regions:read')
  @Answers(pageReply(regionReply))
  @Get()
  async list() {
    const regions = await this.fleet.regions()
    return { data: regions.map(regionWire), has_more: false, next: null }
  }

  @Permit('regions:write')
  @Answers(regionReply)
  @Post()
  async add(@Body({ schema: createRegionBody }) body: CreateRegionBody) {
    const unknown = await this.fleet.unknownRegions(Object.keys(body.distances_ms))
    const problems = unknown.map((slug): Problem => ({ path: `distances_ms.${slug}`, message: 'is not a region' }))
    if (problems.length > 0) throw invalid(...(problems as [Problem, ...Problem[]]))
    await this.fleet.addRegion({ slug: body.slug, name: body.name }, body.distances_ms)
    return regionWire({ slug: body.slug, name: body.name, distancesMs: body.distances_ms })
  }
}
