import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common'
import { CreditService } from '@tollgate/credit'
import { decimalFromPico } from '@tollgate/kernel'
import { LimitsService } from '@tollgate/limits'
import { TenantAdminService } from '@tollgate/tenants'
import { Permit, type Principal } from '@tollgate/tenants/people'
import type { z } from 'zod'
import { Announcements } from '../../announcements'
import { idPageQuery, moneyText } from '../../fields.schema'
import { Answers } from '../../openapi/answers'
import { pageOf } from '../../paging'
import { SignedIn } from '../../signed-in'
import { grantBody, type GrantBody } from './credit.schema'
import { bookedGrantReply, creditReply, grantWire } from './credit.wire'

/** Prepaid credit of a tenant: what was granted, spent, and is left. It bounds calls while the tenant's billing is prepaid. */
@Controller('admin/tenants/:tenant/credit')
export class CreditController {
  constructor(
    private readonly tenants: TenantAdminService,
    private readonly credit: CreditService,
    private readonly limits: LimitsService,
    private readonly announcements: Announcements,
  ) {}

  /** `spent` is what is booked; `reserved` what running and not yet booked calls hold of the balance, null while Redis is away. Grants: latest first. */
  @Permit('credit:read')
  @Answers(creditReply)
  @Get()
  async one(@Param('tenant') slug: string, @Query({ schema: idPageQuery }) query: { limit: number; after?: string }): Promise<z.output<typeof creditReply>> {
    const tenant = await this.tenants.get(slug)
    const page = await pageOf(query, (range) => this.credit.list(tenant, range), (grant) => grant.id, grantWire)
    const [{ grantedPico, spentPico }, heldPico] = await Promise.all([this.credit.standing(tenant), this.limits.heldCreditPico(tenant).catch(() => null)])
    return {
      billing: tenant.billing,
      granted: decimalFromPico(grantedPico),
      spent: decimalFromPico(spentPico),
      reserved: moneyText(heldPico),
      balance: decimalFromPico(grantedPico - spentPico),
      currency: tenant.currency,
      grants: page.data,
      has_more: page.has_more,
      next: page.next,
    }
  }

  /** Money is booked once it is in Postgres; were the reply then to fail, whoever repeats it would grant twice. */
  @Permit('credit:write')
  @Answers(bookedGrantReply)
  @Post()
  async grant(@SignedIn() who: Principal, @Param('tenant') slug: string, @Body({ schema: grantBody }) body: GrantBody): Promise<z.output<typeof bookedGrantReply>> {
    const tenant = await this.tenants.get(slug)
    const grant = await this.credit.grant(tenant, { amountPico: body.amount, reason: body.reason, grantedBy: who.accountId })
    const isAnnounced = await this.announce(tenant)
    const notes = isAnnounced ? {} : { warnings: ['the gateways could not be told; they see it within 10 seconds'] }
    return { ...grantWire(grant), currency: tenant.currency, ...notes }
  }

  private async announce(tenant: { id: string; slug: string }): Promise<boolean> {
    try {
      await this.announcements.tenantChanged(await this.tenants.change(tenant, {}))
      return true
    } catch {
      return false
    }
  }
}
