import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common'
import { AccountService, Permit, type Principal } from '@tollgate/tenants/people'
import { pageReply } from '@tollgate/platform/json-schema'
import { idPageQuery } from '../../fields.schema'
import { Answers } from '../../openapi/answers'
import { pageOf } from '../../paging'
import { SignedIn } from '../../signed-in'
import { changeStaffBody, createStaffBody, type ChangePersonBody, type CreatePersonBody } from './person.schema'
import { accountId, personFields, personWire, staffReply } from './person.wire'

/** Operators. Nobody gives or takes a role that holds more than their own. */
@Controller('admin/accounts')
export class StaffController {
  constructor(
    private readonly accounts: AccountService,
  ) {}

  @Permit('staff:read')
  @Answers(pageReply(staffReply))
  @Get()
  async list(@Query({ schema: idPageQuery }) query: { limit: number; after?: string }) {
    return pageOf(query, (page) => this.accounts.list(null, page), (account) => account.id, personWire)
  }

  @Permit('staff:write')
  @Answers(staffReply)
  @Post()
  async create(@SignedIn() who: Principal, @Body({ schema: createStaffBody }) body: CreatePersonBody) {
    return personWire(await this.accounts.create(who, { ...body, tenantId: null }))
  }

  @Permit('staff:write')
  @Answers(staffReply)
  @Patch(':account')
  async change(@SignedIn() who: Principal, @Param('account') id: string, @Body({ schema: changeStaffBody }) body: ChangePersonBody) {
    return personWire(await this.accounts.change(who, null, accountId(id), personFields(body)))
  }

  @Permit('staff:write')
  @Delete(':account')
  @HttpCode(204)
  async remove(@SignedIn() who: Principal, @Param('account') id: string): Promise<void> {
    await this.accounts.remove(who, null, accountId(id))
  }
}
