import { canonicalModel } from '@tollgate/kernel'
import { PLACES, unknownPlaces, type WantedPrompt } from '@tollgate/catalog/prompts'
import { z } from 'zod'
import { modelName, slug } from '../../fields.schema'

export const promptMerge = z.enum(['before', 'default']).meta({ description: "before: goes before a caller's own system text, and both reach the model; default: only where the caller sends none" })

/** A whole prompt: PUT replaces, and what is left out gets its default. */
export const promptBody = z
  .strictObject({
    text: z
      .string()
      .trim()
      .min(1, 'must not be empty')
      .max(100_000)
      .superRefine((text, context) => {
        for (const place of unknownPlaces(text).slice(0, 5)) context.addIssue({ code: 'custom', message: `{{${place.slice(0, 50)}}} is no place of a template; there are ${PLACES.map((name) => `{{${name}}}`).join(', ')}` })
      }),
    merge: promptMerge.default('before'),
    temperature: z.number().min(0).max(2).nullable().default(null),
    models: z.array(modelName).max(1_000).default([]),
  })
  .meta({ id: 'PromptInput' })

/** Name of a prompt in a path. */
export const promptName = slug

export type PromptBody = z.output<typeof promptBody>

/** A body as a prompt without its version. */
export function promptOf(name: string, { models, ...body }: PromptBody): WantedPrompt {
  return { name, ...body, models: [...new Set(models.map(canonicalModel))] }
}
