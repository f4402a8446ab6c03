import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common'
import { TenantAdminService } from '@tollgate/tenants'
import { AccountService, Permit, type Principal } from '@tollgate/tenants/people'
import { pageReply } from '@tollgate/platform/json-schema'
import { idPageQuery } from '../../fields.schema'
import { Answers } from '../../openapi/answers'
import { pageOf } from '../../paging'
import { SignedIn } from '../../signed-in'
import { changeMemberBody, createMemberBody, type ChangePersonBody, type CreatePersonBody } from './person.schema'
import { accountId, memberReply, personFields, personWire } from './person.wire'

/** People of a tenant. Nobody gives or takes a role that holds more than their own. */
@Controller('admin/tenants/:tenant/accounts')
export class MembersController {
  constructor(
    private readonly accounts: AccountService,
    private readonly tenants: TenantAdminService,
  ) {}

  @Permit('members:read')
  @Answers(pageReply(memberReply))
  @Get()
  async list(@Param('tenant') slug: string, @Query({ schema: idPageQuery }) query: { limit: number; after?: string }) {
    const tenantId = (await this.tenants.get(slug)).id
    return pageOf(query, (page) => this.accounts.list(tenantId, page), (account) => account.id, personWire)
  }

  @Permit('members:write')
  @Answers(memberReply)
  @Post()
  async create(@SignedIn() who: Principal, @Param('tenant') slug: string, @Body({ schema: createMemberBody }) body: CreatePersonBody) {
    return personWire(await this.accounts.create(who, { ...body, tenantId: (await this.tenants.get(slug)).id }))
  }

  @Permit('members:write')
  @Answers(memberReply)
  @Patch(':account')
  async change(@SignedIn() who: Principal, @Param('tenant') slug: string, @Param('account') id: string, @Body({ schema: changeMemberBody }) body: ChangePersonBody) {
    return personWire(await this.accounts.change(who, (await this.tenants.get(slug)).id, accountId(id), personFields(body)))
  }

  @Permit('members:write')
  @Delete(':account')
  @HttpCode(204)
  async remove(@SignedIn() who: Principal, @Param('tenant') slug: string, @Param('account') id: string): Promise<void> {
    await this.accounts.remove(who, (await this.tenants.get(slug)).id, accountId(id))
  }
}
