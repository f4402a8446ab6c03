import { moneyReply } from '@tollgate/platform/json-schema'
import { ownAttemptReply, ownRequestReply } from '@tollgate/proof/record'
import { z } from 'zod'

const recordedAttemptReply = ownAttemptReply
  .extend({ cost: moneyReply.nullable().meta({ description: 'Null where nobody can price it, which is not zero' }) })
  .meta({ id: 'RecordedAttempt' })

/** The record of a request as operators see it: what its tenant sees, whose it is, and what each attempt cost. */
export const requestRecordReply = ownRequestReply
  .extend({
    tenant: z.strictObject({ id: z.uuid(), slug: z.string().nullable().meta({ description: 'Null where it is gone' }) }),
    project_id: z.uuid().nullable(),
    key_id: z.uuid(),
    attempts: z.array(recordedAttemptReply),
  })
  .meta({ id: 'RequestRecord' })
