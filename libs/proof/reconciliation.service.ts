import { Injectable } from '@nestjs/common'
import { isUuid } from '@tollgate/kernel'
import type { ExportRow } from './domain/provider-export'
import { compareDifferences, missingHere, reconcileCall, type Difference, type OurCall } from './domain/reconciliation'
import { daysOfRequest } from './domain/request-record'
import { ReconciliationStore, type ExportScope } from './reconciliation.store'

/** Differences that are listed; all are counted. */
const MOST_LISTED = 10_000

/** What a comparison came to. */
export interface Reconciliation {
  /** Attempts at the provider that an export must have, in the period. */
  readonly expected: number
  /** Rows of the export. */
  readonly rows: number
  readonly equal: number
  /** Rows outside the period that no call in it explains: they belong to another comparison. */
  readonly outside: number
  /** Pairs whose cost the export names and we do not know. */
  readonly withoutCost: number
  readonly counts: Readonly<Record<Difference['kind'], number>>
  /** In the order of the export, at most 10 000. */
  readonly differences: readonly Difference[]
}

/** Compares our calls with a provider's own export, row by row, by the request id we sent. It changes nothing. */
@Injectable()
export class ReconciliationService {
  constructor(private readonly store: ReconciliationStore) {}

  async reconcile(scope: ExportScope, rows: readonly ExportRow[]): Promise<Reconciliation> {
    const comparison = new Comparison(scope, rows)
    await this.store.eachCall(scope, (calls) => calls.forEach((call) => comparison.take(call)), () => comparison.unmatched())
    return comparison.end()
  }
}

/** The export's rows while our calls come by; each request id is compared once. */
class Comparison {
  private readonly waiting = new Map<string, ExportRow[]>()
  private readonly strangers: ExportRow[] = []
  private readonly differences: Difference[] = []
  private readonly counts = { missing_here: 0, missing_there: 0, different: 0 }
  private readonly sums = { expected: 0, equal: 0, withoutCost: 0, outside: 0 }

  constructor(
    private readonly scope: ExportScope,
    private readonly rows: readonly ExportRow[],
  ) {
    for (const row of rows) {
      const known = row.requestId === null ? this.strangers : this.waiting.get(row.requestId)
      if (known) known.push(row)
      else this.waiting.set(row.requestId!, [row])
    }
  }

  take(call: OurCall): void {
    const theirs = this.waiting.get(call.rid) ?? []
    // Looked up by its id, and neither side of it lies in the period.
    if (!this.isInside(call.startedAtMs) && !theirs.some(({ atMs }) => this.isInside(atMs))) return
    this.waiting.delete(call.rid)
    const verdict = reconcileCall(call, theirs)
    for (const difference of verdict.differences) this.note(difference)
    this.sums.equal += verdict.equal
    this.sums.withoutCost += verdict.withoutCost
    this.sums.expected += call.attempts.filter(({ isExpected }) => isExpected).length
  }

  /** Request ids of rows that no call of the period was for: it may have begun a moment before, or after. */
  unmatched(): string[] {
    return [...this.waiting.keys()].filter((rid) => isUuid(rid) && daysOfRequest(rid).length > 0)
  }

  end(): Reconciliation {
    for (const row of [...this.waiting.values(), this.strangers].flat()) {
      if (this.isInside(row.atMs)) this.note(missingHere(row))
      else this.sums.outside++
    }
    return { ...this.sums, rows: this.rows.length, counts: this.counts, differences: this.differences.sort(compareDifferences).slice(0, MOST_LISTED) }
  }

  /** Against an empty export every call of a year is missing there: enough are kept to be listed. */
  private note(difference: Difference): void {
    if (++this.counts[difference.kind] <= MOST_LISTED) this.differences.push(difference)
  }

  private isInside(ms: number | null): boolean {
    return ms === null || (ms >= this.scope.fromMs && ms < this.scope.toMs)
  }
}
