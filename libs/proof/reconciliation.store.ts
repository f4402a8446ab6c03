import { Injectable } from '@nestjs/common'
import { Database, type Tx } from '@tollgate/platform/postgres'
import type { OurAttempt, OurCall } from './domain/reconciliation'
import { daysOfRequest } from './domain/request-record'

/** Whose export is compared: a provider's, or that of one of its hosts; a period `[fromMs, toMs)` by the start of calls. */
export interface ExportScope {
  readonly provider: string
  readonly host: string | null
  readonly fromMs: number
  readonly toMs: number
}

const FETCH = 2_000
const LOOKUP = 1_000
const TIMEOUT_MS = 300_000

interface RecordedAttempt {
  attempt: number
  host: string
  provider: string
  model: string
  outcome: string
  cost_pico: string | null
}

interface CallRow {
  rid: string
  started_at: Date
  status: string
  provider: string
  host: string
  prompt_tokens: string
  completion_tokens: string
  usage_source: OurAttempt['source']
  served: number
  attempts: RecordedAttempt[]
}

const CALL = `u.rid, u.started_at, u.status, u.provider, u.host, u.prompt_tokens, u.completion_tokens, u.usage_source, u.attempts AS served,
  (SELECT coalesce(json_agg(json_build_object('attempt', a.attempt, 'host', a.host, 'provider', a.provider, 'model', a.model, 'outcome', a.outcome, 'cost_pico', a.cost_pico::text)), '[]')
   FROM provider_cost a WHERE a.day = u.day AND a.rid = u.rid) AS attempts`

const PERIOD = `DECLARE calls NO SCROLL CURSOR FOR SELECT ${CALL} FROM usage u
  WHERE u.day BETWEEN (to_timestamp($1 / 1000.0) AT TIME ZONE 'UTC')::date AND (to_timestamp($2 / 1000.0) AT TIME ZONE 'UTC')::date
    AND u.started_at >= to_timestamp($1 / 1000.0) AND u.started_at < to_timestamp($2 / 1000.0)
    AND (u.provider = $3 OR EXISTS (SELECT 1 FROM provider_cost a WHERE a.day = u.day AND a.rid = u.rid AND a.provider = $3))`

/** Our calls with their attempts at a provider, for a comparison with its export (role tg_admin). */
@Injectable()
export class ReconciliationStore {
  constructor(private readonly database: Database) {}

  /**
   * Hands over every call of the scope, some at a time. `rest` is then asked which other request ids to look up, and is
   * given those that exist, whatever their time; all of it as one instant has it.
   */
  async eachCall(scope: ExportScope, take: (calls: readonly OurCall[]) => void, rest: () => readonly string[]): Promise<void> {
    await this.database.asPlatform(async (tx) => {
      await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')
      await tx.query(`SET LOCAL statement_timeout = ${TIMEOUT_MS}`)
      await tx.query(PERIOD, [scope.fromMs, scope.toMs, scope.provider])
      const handOver = (rows: readonly CallRow[]) => take(rows.map((row) => callOf(row, scope)).filter(({ attempts }) => attempts.length > 0))
      for (let count = FETCH; count === FETCH; ) {
        const rows = await tx.query<CallRow[]>(`FETCH ${FETCH} FROM calls`)
        handOver(rows)
        count = rows.length
      }
      const rids = rest()
      for (let from = 0; from < rids.length; from += LOOKUP) handOver(await lookUp(tx, rids.slice(from, from + LOOKUP)))
    })
  }
}

async function lookUp(tx: Tx, rids: readonly string[]): Promise<CallRow[]> {
  const keys = rids.flatMap((rid) => daysOfRequest(rid).map((day) => ({ rid, day })))
  return tx.query<CallRow[]>(`SELECT ${CALL} FROM unnest($1::date[], $2::uuid[]) k(day, rid) JOIN usage u ON u.day = k.day AND u.rid = k.rid`, [keys.map(({ day }) => day), keys.map(({ rid }) => rid)])
}

function callOf(row: CallRow, scope: ExportScope): OurCall {
  const isInScope = ({ provider, host }: { provider: string; host: string }) => provider === scope.provider && (scope.host === null || host === scope.host)
  // A call that died with its gateway: what it was doing is not among the attempts, only where it was going.
  const isCutShort = row.status === 'swept' && !row.attempts.some(({ attempt, outcome }) => attempt === row.served && outcome === 'completed')
  const cutShort = { attempt: row.served + 1, host: row.host, provider: row.provider, model: '', outcome: row.status, cost_pico: null }
  const serving = isCutShort ? cutShort.attempt : row.served
  const attempts = [...row.attempts, ...(isCutShort ? [cutShort] : [])].filter(isInScope).map((attempt) => attemptOf(attempt, row, attempt.attempt === serving))
  return { rid: row.rid, startedAtMs: row.started_at.getTime(), status: row.status, attempts }
}

function attemptOf({ attempt, host, model, outcome, cost_pico }: RecordedAttempt, row: CallRow, isServing: boolean): OurAttempt {
  const [promptTokens, completionTokens] = isServing ? [Number(row.prompt_tokens), Number(row.completion_tokens)] : [0, 0]
  return {
    attempt,
    host,
    model: model === '' ? null : model,
    promptTokens,
    completionTokens,
    source: isServing ? row.usage_source : 'estimated',
    outcome,
    costPico: cost_pico === null ? null : BigInt(cost_pico),
    isExpected: isServing && (row.status === 'completed' || promptTokens + completionTokens > 0),
  }
}
