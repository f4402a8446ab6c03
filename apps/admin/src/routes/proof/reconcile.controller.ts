import { Body, Controller, HttpCode, Post } from '@nestjs/common'
import { decimalFromPico } from '@tollgate/kernel'
import { readExport, ReconciliationService } from '@tollgate/proof'
import { Permit } from '@tollgate/tenants/people'
import { invalid, type Problem } from '../../invalid'
import { periodMs } from './period.schema'
import { reconcileBody, type ReconcileBody } from './reconcile.schema'

type Difference = Awaited<ReturnType<ReconciliationService['reconcile']>>['differences'][number]

/** Compares what we recorded with a provider's or host's own export; nothing is changed. */
@Controller('admin/proof/reconcile')
export class ReconcileController {
  constructor(private readonly reconciliation: ReconciliationService) {}

  @Permit('ledger:verify')
  @Post()
  @HttpCode(200)
  async reconcile(@Body({ schema: reconcileBody }) body: ReconcileBody) {
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

function differenceWire({ kind, requestId, fields, here, there }: Difference) {
  const money = (pico: bigint | null) => (pico === null ? null : decimalFromPico(pico))
  return {
    kind,
    request_id: requestId,
    line: there?.line ?? null,
    fields,
    here: here && {
      ...{ attempt: here.attempt, host: here.host, model: here.model, prompt_tokens: here.promptTokens, completion_tokens: here.completionTokens, source: here.source },
      ...{ status: here.status, outcome: here.outcome, cost: money(here.costPico), at: new Date(here.startedAtMs).toISOString() },
    },
    there: there && { model: there.model, prompt_tokens: there.promptTokens, completion_tokens: there.completionTokens, cost: money(there.costPico), at: there.atMs === null ? null : new Date(there.atMs).toISOString() },
  }
}
