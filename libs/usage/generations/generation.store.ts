import { Injectable } from '@nestjs/common'
import type { Pico } from '@tollgate/kernel'
import { Database } from '@tollgate/platform/postgres'

/** An attempt whose provider is to be asked what it cost. `tries` counts this time. */
export interface DueGeneration {
  readonly tenant_id: string
  readonly day: string
  readonly rid: string
  readonly attempt: number
  readonly host: string
  readonly name: string
  readonly tries: number
}

/** What a provider says of a generation. */
interface ToldCost {
  readonly costPico: Pico
  readonly promptTokens: number | null
  readonly completionTokens: number | null
}

/** After each try three times as long: 5 s, 15 s, … about an hour. */
const PAUSE = `interval '5 seconds' * power(3, least(g.tries + 1, 6))`
const THIS_ONE = 'tenant_id = $1 AND day = $2 AND rid = $3 AND attempt = $4'

/** Generations that are to be asked for, and what was said of them (role tg_worker). */
@Injectable()
export class GenerationStore {
  constructor(private readonly database: Database) {}

  /** Takes some that are due. They fall due again by themselves, so a worker that dies with them loses none; two workers take different ones. */
  async take(most: number): Promise<DueGeneration[]> {
    return this.database.asPlatform((tx) =>
      tx.query(
        `WITH due AS (SELECT tenant_id, day, rid, attempt FROM generation WHERE due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED),
           taken AS (UPDATE generation g SET tries = g.tries + 1, due_at = now() + ${PAUSE} FROM due d
             WHERE g.tenant_id = d.tenant_id AND g.day = d.day AND g.rid = d.rid AND g.attempt = d.attempt RETURNING g.*)
         SELECT tenant_id, day::text, rid, attempt, host, name, tries FROM taken`,
        [most],
      ),
    )
  }

  /** Books the cost with the attempt and in every rollup. Booked twice it changes nothing. */
  async book({ tenant_id, day, rid, attempt }: DueGeneration, { costPico, promptTokens, completionTokens }: ToldCost): Promise<void> {
    await this.database.asPlatform((tx) => tx.query('SELECT book_generation($1, $2, $3, $4::smallint, $5, $6, $7)', [tenant_id, day, rid, attempt, costPico.toString(), promptTokens, completionTokens]))
  }

  /** Asks no more: what stands stays. */
  async giveUp({ tenant_id, day, rid, attempt }: DueGeneration): Promise<void> {
    await this.database.asPlatform((tx) => tx.query(`UPDATE generation SET due_at = NULL WHERE ${THIS_ONE}`, [tenant_id, day, rid, attempt]))
  }
}
