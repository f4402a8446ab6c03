import { Injectable } from '@nestjs/common'
import { CatalogService } from '@tollgate/catalog'
import { HostsService } from '@tollgate/hosts'
import { LimitsService } from '@tollgate/limits'
import { McpService } from '@tollgate/mcp'
import { ProvidersService } from '@tollgate/providers'
import { RuleSetsService } from '@tollgate/selection'
import { TracesService } from '@tollgate/selection/traces'
import { AuthenticationService } from '@tollgate/tenants'

/** The rooms the corridor walks through for facts; bundled so that its constructor reads as its story. */
@Injectable()
export class CorridorRooms {
  constructor(
    readonly catalog: CatalogService,
    readonly hosts: HostsService,
    readonly limits: LimitsService,
    readonly authentication: AuthenticationService,
    readonly providers: ProvidersService,
    readonly rules: RuleSetsService,
    readonly traces: TracesService,
    readonly mcp: McpService,
  ) {}
}
