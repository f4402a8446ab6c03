import { decimalFromPico } from '@tollgate/kernel'
import type { ReconciliationService } from '@tollgate/proof'
import { instantTextReply, moneyReply } from '@tollgate/platform/json-schema'
import { callStatusReply } from '@tollgate/proof/record'
import { z } from 'zod'

type Difference = Awaited<ReturnType<ReconciliationService['reconcile']>>['differences'][number]

/** What we recorded of an attempt. */
const recordedHereReply = z.strictObject({
  attempt: z.int(),
  host: z.string(),
  model: z.string().nullable(),
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  source: z.enum(['provider', 'estimated']),
  status: callStatusReply,
  outcome: z.string(),
  cost: moneyReply.nullable(),
  at: instantTextReply,
})

/** What the export has; null is what it does not say. */
const exportedThereReply = z.strictObject({ model: z.string().nullable(), prompt_tokens: z.int(), completion_tokens: z.int(), cost: moneyReply.nullable(), at: instantTextReply.nullable() })

/** A row that differs. */
const differenceReply = z
  .strictObject({
    kind: z.enum(['missing_here', 'missing_there', 'different']),
    request_id: z.string().nullable().meta({ description: 'Null where the export names none' }),
    line: z.int().nullable().meta({ description: 'Of the export, or the place in its rows, from 1; null for what is missing there' }),
    fields: z.array(z.enum(['model', 'prompt_tokens', 'completion_tokens', 'cost'])).readonly(),
    here: recordedHereReply.nullable(),
    there: exportedThereReply.nullable(),
  })
  .meta({ id: 'ReconciliationDifference' })

/** What a comparison came to: all differences are counted, and at most 10 000 listed. */
export const reconciliationReply = z
  .strictObject({
    ok: z.boolean(),
    provider: z.string(),
    host: z.string().nullable(),
    from: instantTextReply,
    to: instantTextReply,
    here: z.strictObject({ expected: z.int() }),
    there: z.strictObject({ rows: z.int(), equal: z.int(), outside_period: z.int(), cost_not_known_here: z.int() }),
    missing_here: z.int(),
    missing_there: z.int(),
    different: z.int(),
    differences: z.array(differenceReply).meta({ description: 'At most 10000 are listed; all are counted' }),
  })
  .meta({ id: 'Reconciliation' })

/** A difference as the wire has it. */
export function differenceWire({ kind, requestId, fields, here, there }: Difference): z.output<typeof differenceReply> {
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
