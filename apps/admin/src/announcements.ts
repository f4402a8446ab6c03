import { Injectable } from '@nestjs/common'
import { refuse, RefusalError } from '@tollgate/kernel'
import { LimitsService } from '@tollgate/limits'
import { ChangeNotices } from '@tollgate/platform/redis'
import type { Tenant } from '@tollgate/tenants/domain'

/**
 * Makes changes of tenants and keys hold at the very next admission on every gateway: the epoch or revocation in Redis
 * is what admission checks, the notice only spares the gateways a round.
 */
@Injectable()
export class Announcements {
  constructor(
    private readonly limits: LimitsService,
    private readonly notices: ChangeNotices,
  ) {}

  /** @param tenant with the epoch that the change raised @throws RefusalError 503 when Redis does not take it: repeat the change */
  async tenantChanged(tenant: Pick<Tenant, 'id' | 'bucket' | 'authEpoch'>): Promise<void> {
    await this.reach(this.limits.raiseEpoch(tenant.bucket, tenant.id, tenant.authEpoch), tenant.id)
  }

  /** @throws RefusalError 503 when Redis does not take it: the key is revoked in Postgres; repeat to make it hold at once */
  async keyRevoked(tenant: Pick<Tenant, 'bucket'>, keyId: string): Promise<void> {
    await this.reach(this.limits.revokeKey(tenant.bucket, keyId), keyId)
  }

  private async reach(write: Promise<void>, id: string): Promise<void> {
    const isWritten = await write.then(
      () => true,
      () => false,
    )
    await this.notices.publish({ topic: 'caller', id })
    if (!isWritten) throw new RefusalError(refuse('limits_unavailable', {}, { retryAfterSeconds: 2 }))
  }
}
