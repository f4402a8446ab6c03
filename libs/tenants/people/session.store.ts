import { Injectable } from '@nestjs/common'
import { Database } from '@tollgate/platform/postgres'

/** Log-in sessions. Only hashes of refresh tokens are stored. No entity: three statements say it better. */
@Injectable()
export class SessionStore {
  constructor(private readonly database: Database) {}

  /** Opens a session and forgets those of the person that have run out. */
  async open(session: { id: string; accountId: string; refreshHash: Buffer; expiresAt: Date }): Promise<void> {
    await this.database.asPlatform(async (tx) => {
      await tx.query('DELETE FROM login_session WHERE account_id = $1 AND expires_at <= now()', [session.accountId])
      await tx.query('INSERT INTO login_session (id, account_id, refresh_hash, expires_at) VALUES ($1, $2, $3, $4)', [session.id, session.accountId, session.refreshHash, session.expiresAt])
    })
  }

  /**
   * Exchanges a refresh token for the next one: the row decides, so of two uses at once one wins. A token that was
   * already exchanged was copied by somebody, and ends the session for both. Null = not valid.
   */
  async rotate(presented: Buffer, next: Buffer): Promise<{ id: string; accountId: string } | null> {
    return this.database.asPlatform(async (tx) => {
      const [rows] = await tx.query<[{ id: string; account_id: string }[], number]>(
        `UPDATE login_session s SET refresh_hash = $2, previous_hash = $1 FROM account a
         WHERE s.refresh_hash = $1 AND s.expires_at > now() AND a.id = s.account_id AND NOT a.is_disabled RETURNING s.id, s.account_id`,
        [presented, next],
      )
      const row = rows[0]
      if (!row) await tx.query('DELETE FROM login_session WHERE previous_hash = $1', [presented])
      return row ? { id: row.id, accountId: row.account_id } : null
    })
  }

  async close(accountId: string, id: string): Promise<void> {
    await this.database.asPlatform((tx) => tx.query('DELETE FROM login_session WHERE id = $2 AND account_id = $1', [accountId, id]))
  }
}
