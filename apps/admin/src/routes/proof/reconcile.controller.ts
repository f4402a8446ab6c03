import { Body, Controller, HttpCode, Post } from '@nestjs/common'
import { readExport, ReconciliationService } from '@tollgate/proof'
import { Permit } from '@tollgate/tenants/people'
import type { z } from 'zod'
import { invalid, type Problem } from '../../invalid'
import { Answers } from '../../openapi/answers'
import { periodMs } from './period.schema'
import { reconcileBody, type ReconcileBody } from './reconcile.schema'
import { differenceWire, reconciliationReply } from './reconcile.wire'

/** Compares what we recorded with a provider's or host's own export; nothing is changed. */
@Controller('admin/proof/reconcile')
export class ReconcileController {
  constructor(private readonly reconciliation: ReconciliationService) {}

  @Permit('ledger:verify')
  @Answers(reconciliationReply)
  @Post()
  @HttpCode(200)
  async reconcile(@Body({ schema: reconcileBody }) body: ReconcileBody): Promise<z.output<typeof reconciliationReply>> {
    const { provider, host = null } = body
    const period = periodMs(body)
    const { rows, problems } = readExport(body.rows ?? body.export!)
    if (problems.length > 0) throw invalid(...(problems.map(({ line, message }) => ({ path: body.rows ? `rows.${line - 1}` : `line ${line}`, message })) as [Problem, ...Problem[]]))
    const found = await this.reconciliation.reconcile({ provider, host, ...period }, rows)
    return {
      ok: found.differences.length === 0,
      ...{ provider, host, from: body.from.toISOString(), to: body.to.toISOString() },
      here: { expected: found.expected },
      there: { rows: found.rows, equal: found.equal, outside_period: found.outside, cost_not_known_here: found.withoutCost },
      ...found.counts,
      differences: found.differences.map(differenceWire),
    }
  }
}
