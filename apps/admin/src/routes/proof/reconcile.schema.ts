import { z } from 'zod'
import { periodFields } from './period.schema'

/** Body of `POST /admin/proof/reconcile`. Its size is bounded like every body's (TOLLGATE_BODY_LIMIT_BYTES). */
export const reconcileBody = z
  .strictObject({
    provider: z.string().min(1, 'must not be empty').max(50).meta({ description: 'Whose export it is, such as openai or ollama' }),
    host: z.string().min(1, 'must not be empty').max(63).optional().meta({ description: 'The name of one of its hosts, when the export is of that host alone' }),
    ...periodFields,
    export: z.string().optional().meta({ description: 'The export as text: CSV with a header line, a JSON array, JSON lines, or the log of a sandbox host' }),
    rows: z
      .array(z.unknown())
      .optional()
      .meta({ description: 'Or its rows: {request_id, prompt_tokens, completion_tokens, model?, cost?, at?}' }),
  })
  .superRefine((body, context) => {
    if ((body.export === undefined) === (body.rows === undefined)) context.addIssue({ code: 'custom', path: ['export'], message: 'must be given, or else rows' })
  })
  .meta({ id: 'ProviderExport' })

export type ReconcileBody = z.output<typeof reconcileBody>
