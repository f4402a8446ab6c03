import { instantReply } from '@tollgate/platform/json-schema'
import { z } from 'zod'
import type { PromptVersion } from '@tollgate/catalog/prompts'
import { promptMerge } from './prompt.schema'

/** A version of a prompt as the wire has it. */
export const promptReply = z
  .strictObject({
    name: z.string(),
    version: z.int(),
    text: z.string(),
    merge: promptMerge,
    temperature: z.number().nullable().meta({ description: 'Where neither the caller nor a rule says one; null says nothing' }),
    models: z.array(z.string()).readonly(),
    created_at: instantReply,
  })
  .meta({ id: 'Prompt' })

/** The version in force, and all before it. */
export const promptHistoryReply = promptReply.extend({ older_versions: z.array(promptReply) }).meta({ id: 'PromptHistory' })

export function promptWire({ name, version, text, merge, temperature, models, createdAt }: PromptVersion): z.output<typeof promptReply> {
  return { name, version, text, merge, temperature, models, created_at: createdAt }
}
