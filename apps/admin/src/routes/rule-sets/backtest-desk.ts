import { Injectable } from '@nestjs/common'
import { refuse, RefusalError } from '@tollgate/kernel'
import type { RuleSet } from '@tollgate/routing/rules'
import { RuleSetAdminService } from '@tollgate/selection'
import { BacktestStore, BacktestTotals, unrecordedWords } from '@tollgate/selection/traces'
import { BacktestModels } from './backtest-models'
import type { BacktestBody } from './backtest.schema'
import { backtestTotalsWire, type BacktestFindings } from './backtest.wire'
import { RuleSetDesk, type RuleScope } from './rule-set-desk'

/** Tries rule sets on the past, and tells the mix of models and their cost. */
@Injectable()
export class BacktestDesk {
  constructor(
    private readonly sets: RuleSetAdminService,
    private readonly desk: RuleSetDesk,
    private readonly models: BacktestModels,
    private readonly past: BacktestStore,
  ) {}

  /** @throws RefusalError object_not_found for a name that is none, invalid_request for rules whose target leads nowhere */
  async run(scope: RuleScope, period: { fromMs: number; toMs: number }, body: Pick<BacktestBody, 'name' | 'rule_set'>): Promise<BacktestFindings> {
    const stored = [...(scope.tenantId === null ? [] : await this.sets.list(scope.tenantId)), ...(await this.sets.list(null))]
    const set = body.rule_set ? { name: 'tried', rules: body.rule_set.rules, otherwise: body.rule_set.default } : stored.find(({ name }) => name === body.name)
    if (!set) throw new RefusalError(refuse('object_not_found', { object: 'Rule set', name: body.name! }))
    if (body.rule_set) await this.desk.demand(scope, set)
    const totals = await this.totals(scope.tenantId, period, set)
    return { rule_set: set.name, words_not_recorded: unrecordedWords(set, stored, period.fromMs), ...backtestTotalsWire(totals) }
  }

  private async totals(tenantId: string | null, period: { fromMs: number; toMs: number }, set: RuleSet): Promise<BacktestTotals> {
    const totals = new BacktestTotals()
    const tryOn = await this.models.trial(set)
    await this.past.eachCall({ ...period, tenantId }, async (calls) => {
      for (const call of calls) totals.add({ currency: call.currency, wasModel: call.model, wasPico: call.amountPico, ...(await tryOn(call)) })
    })
    return totals
  }
}
