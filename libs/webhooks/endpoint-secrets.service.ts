import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'
import { SecretBox } from '@tollgate/platform/secrets'
import { secretContext } from './domain/webhook'

const BATCH = 500

interface SealedEndpoint {
  readonly id: string
  readonly tenantId: string | null
  readonly secret: Buffer
}

/** The secrets of endpoints when the key that wraps them changes. */
@Injectable()
export class EndpointSecrets {
  constructor(
    private readonly database: Database,
    private readonly box: SecretBox,
  ) {}

  /** As `HostSecrets.rewrap`: may stop anywhere and go on in any worker. Answers how many were brought, and endpoints whose secret does not open. */
  async rewrap(): Promise<{ readonly rewrapped: number; readonly unreadable: readonly string[] }> {
    const unreadable: string[] = []
    let rewrapped = 0
    for (let after: string | null = null; ; ) {
      const batch = await this.sealedOtherwise(after)
      for (const { id, tenantId, secret } of batch) {
        const next = this.rewrapped(secret, secretContext(id, tenantId))
        if (next) rewrapped += await this.replace(id, secret, next)
        else unreadable.push(id)
      }
      if (batch.length < BATCH) return { rewrapped, unreadable }
      after = batch.at(-1)!.id
    }
  }

  /** Null when it does not open. */
  private rewrapped(secret: Buffer, context: string): Buffer | null {
    try {
      return this.box.rewrap(secret, context)
    } catch {
      return null
    }
  }

  private async sealedOtherwise(after: string | null): Promise<SealedEndpoint[]> {
    const { prefix } = this.box
    return this.database.query(
      `SELECT id, tenant_id AS "tenantId", secret FROM webhook_endpoint
       WHERE substring(secret FROM 1 FOR $2) <> $1 AND ($3::uuid IS NULL OR id > $3) ORDER BY id LIMIT ${BATCH}`,
      [prefix, prefix.length, after],
    )
  }

  private async replace(id: string, former: Buffer, next: Buffer): Promise<number> {
    const [, count] = (await this.database.query('UPDATE webhook_endpoint SET secret = $3 WHERE id = $1 AND secret = $2', [id, former, next])) as [unknown, number]
    return count
  }
}
