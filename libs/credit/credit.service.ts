import { Inject, Injectable } from '@nestjs/common'
import { decimalFromPico, refuse, RefusalError, type Clock, type Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { violatedConstraint } from '@tollgate/platform/postgres'
import { CreditStore } from './credit.store'
import type { CreditGrant, CreditStanding } from './domain/grant'

/**
 * Credit of prepaid tenants, for the control plane. It writes Postgres only: whoever grants must announce the tenant's
 * change (apps/admin does), so that the next admission on every gateway knows the new sum.
 */
@Injectable()
export class CreditService {
  constructor(
    private readonly store: CreditStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /**
   * Books a payment, or a reversal below zero.
   * @throws RefusalError credit_not_covered when it takes back more than is unspent, invalid_request beyond 10⁹ in all
   */
  async grant(tenant: { readonly id: string; readonly currency: string }, wanted: Pick<CreditGrant, 'amountPico' | 'reason' | 'grantedBy'>): Promise<CreditGrant> {
    const grant: CreditGrant = { ...wanted, id: this.ids.uuid(), grantedAt: new Date(this.clock.now()) }
    try {
      await this.store.insert(tenant.id, grant)
    } catch (error) {
      const constraint = violatedConstraint(error)
      if (constraint === 'credit_grant_is_unspent') throw await this.notCovered(tenant, grant)
      if (constraint === 'credit_grant_total_range') throw new RefusalError(refuse('invalid_request', { reason: 'more than 1000000000 in all cannot be granted.' }, { details: { errors: [{ path: 'amount', message: 'is too large with what was granted before' }] } }))
      throw error
    }
    return grant
  }

  /** Latest first. */
  async list(tenant: { readonly id: string }, page: { after?: string; limit: number }): Promise<CreditGrant[]> {
    return this.store.list(tenant.id, page)
  }

  async standing(tenant: { readonly id: string }): Promise<CreditStanding> {
    return this.store.standing(tenant.id)
  }

  private async notCovered(tenant: { readonly id: string; readonly currency: string }, { amountPico }: CreditGrant): Promise<RefusalError> {
    const { grantedPico, spentPico } = await this.store.standing(tenant.id)
    const unspentPico = grantedPico > spentPico ? grantedPico - spentPico : 0n
    const words = { left: decimalFromPico(unspentPico), currency: tenant.currency, wanted: decimalFromPico(-amountPico) }
    return new RefusalError(refuse('credit_not_covered', words, { details: { granted: decimalFromPico(grantedPico), spent: decimalFromPico(spentPico), currency: tenant.currency } }))
  }
}
