import { Injectable } from '@nestjs/common'
import { IsNull, MoreThan } from 'typeorm'
import { Database } from '@tollgate/platform/postgres'
import { AccountTable } from '../account.table'
import { roleOf, type Account, type Principal } from '../domain/person'

/** People in Postgres. A null tenant means the operators, never "any tenant". */
@Injectable()
export class AccountStore {
  constructor(private readonly database: Database) {}

  async insert(account: Account): Promise<void> {
    await this.database.asPlatform((tx) => tx.getRepository(AccountTable).insert(account))
  }

  /** Log-in only: the one look-up that knows no tenant yet. */
  async byEmail(email: string): Promise<Account | null> {
    return this.database.asPlatform((tx) => tx.getRepository(AccountTable).findOneBy({ email }))
  }

  async find(tenantId: string | null, id: string): Promise<Account | null> {
    return this.database.asPlatform((tx) => tx.getRepository(AccountTable).findOneBy({ tenantId: tenantId ?? IsNull(), id }))
  }

  /** In order of creation, from after an id. */
  async list(tenantId: string | null, page: { after?: string; limit: number }): Promise<Account[]> {
    const where = { tenantId: tenantId ?? IsNull(), ...(page.after ? { id: MoreThan(page.after) } : {}) }
    return this.database.asPlatform((tx) => tx.getRepository(AccountTable).find({ where, order: { id: 'ASC' }, take: page.limit }))
  }

  /** Changes a person and ends their sessions, so that no token outlives the rights it was given for. */
  async change(tenantId: string | null, id: string, changes: Partial<Pick<Account, 'passwordHash' | 'role' | 'isDisabled'>>): Promise<void> {
    await this.database.asPlatform(async (tx) => {
      await tx.getRepository(AccountTable).update({ tenantId: tenantId ?? IsNull(), id }, changes)
      await tx.query('DELETE FROM login_session WHERE account_id = $1', [id])
    })
  }

  async remove(tenantId: string | null, id: string): Promise<void> {
    await this.database.asPlatform((tx) => tx.getRepository(AccountTable).delete({ tenantId: tenantId ?? IsNull(), id }))
  }

  /** How many others of a realm hold a role and may log in. */
  async countOthers(tenantId: string | null, role: string, exceptId: string): Promise<number> {
    const [row] = await this.database.query<{ n: string }>('SELECT count(*) AS n FROM account WHERE tenant_id IS NOT DISTINCT FROM $1 AND role = $2 AND id <> $3 AND NOT is_disabled', [
      tenantId,
      role,
      exceptId,
    ])
    return Number(row!.n)
  }

  /** Who holds a session that still runs; null when it ended or the person is disabled. */
  async principal(accountId: string, sessionId: string): Promise<Principal | null> {
    const [row] = await this.database.query<{ email: string; role: string; tenant_id: string | null; slug: string | null }>(
      `SELECT a.email, a.role, a.tenant_id, t.slug FROM login_session s JOIN account a ON a.id = s.account_id LEFT JOIN tenant t ON t.id = a.tenant_id
       WHERE s.id = $1 AND a.id = $2 AND s.expires_at > now() AND NOT a.is_disabled`,
      [sessionId, accountId],
    )
    if (!row) return null
    return { accountId, sessionId, email: row.email, role: roleOf({ tenantId: row.tenant_id, role: row.role }), tenantId: row.tenant_id, tenantSlug: row.slug }
  }
}
