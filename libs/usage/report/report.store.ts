import { Injectable } from '@nestjs/common'
import { refuse, RefusalError } from '@tollgate/kernel'
import { Database, type Tx } from '@tollgate/platform/postgres'
import { durationCounts } from '../domain/duration-histogram'
import type { ReportSums } from '../domain/report-line'
import { foldStatement, type Fold } from './report-statement'

/** Reports may not hold up anybody else. */
const REPORT_TIMEOUT_MS = 10_000
const MOST_LINES = 10_000

interface SumRow extends Readonly<Record<'requests' | 'failures' | 'prompt_tokens' | 'completion_tokens' | 'cached_tokens' | 'reasoning_tokens' | 'cost_pico' | 'duration_ms' | 'durations', string>> {
  readonly part: number
  readonly keys: string[]
}

/** A line, and the keys by which a following page goes on after it. */
export interface KeyedSums {
  readonly sums: ReportSums
  readonly keys: readonly string[]
}

/** Sums over the rollups, and over calls where a rollup is too coarse. */
@Injectable()
export class ReportStore {
  constructor(private readonly database: Database) {}

  /** The sums by model and by the wanted groups (without `groupBy` none), of one moment. @throws RefusalError for more than 10 000 lines */
  async whole(fold: Fold, hasModels: boolean): Promise<{ models: ReportSums[]; groups: ReportSums[] }> {
    const rows = await this.rows(fold, hasModels, { after: null, limit: MOST_LINES + 1 })
    // Half a report would be a wrong sum.
    if (rows.length > MOST_LINES) throw new RefusalError(refuse('invalid_request', { reason: `the report has more than ${MOST_LINES} lines: read it in pages with limit and after, group by less, or shorten the period.` }))
    const part = (wanted: number, names: readonly string[]) => rows.filter((row) => row.part === wanted).map((row) => sumsOf(row, names))
    return { models: part(0, ['model']), groups: part(1, groupNames(fold)) }
  }

  /** At most `limit` lines by the wanted groups, those after the keys. */
  async page(fold: Fold, page: { after: readonly string[] | null; limit: number }): Promise<KeyedSums[]> {
    const rows = await this.rows(fold, false, page)
    return rows.map((row) => ({ sums: sumsOf(row, groupNames(fold)), keys: row.keys }))
  }

  private async rows(fold: Fold, hasModels: boolean, page: { after: readonly string[] | null; limit: number }): Promise<SumRow[]> {
    const { sql, values } = foldStatement(fold, hasModels, page)
    const read = async (tx: Tx) => {
      // Compiling takes longer than these statements do, and so does starting helpers for one tenant's rows.
      const helpers = fold.tenantId === null ? '2' : '0'
      await tx.query(`SELECT set_config('statement_timeout', $1, true), set_config('jit', 'off', true), set_config('work_mem', '32MB', true), set_config('max_parallel_workers_per_gather', $2, true)`, [String(REPORT_TIMEOUT_MS), helpers])
      return tx.query<SumRow[]>(sql, [...values])
    }
    return fold.tenantId === null ? this.database.asPlatform(read) : this.database.withTenant(fold.tenantId, read)
  }
}

/** Over all tenants amounts of different currencies are never added up. */
function groupNames({ tenantId, groupBy }: Fold): readonly string[] {
  return tenantId === null ? [...groupBy, 'currency'] : groupBy
}

function sumsOf(row: SumRow, names: readonly string[]): ReportSums {
  return {
    group: Object.fromEntries(names.map((name, i) => [name, row.keys[i]!])),
    requests: Number(row.requests),
    failures: Number(row.failures),
    promptTokens: Number(row.prompt_tokens),
    completionTokens: Number(row.completion_tokens),
    cachedTokens: Number(row.cached_tokens),
    reasoningTokens: Number(row.reasoning_tokens),
    costPico: BigInt(row.cost_pico),
    durationMs: Number(row.duration_ms),
    durations: durationCounts(row.durations),
  }
}
