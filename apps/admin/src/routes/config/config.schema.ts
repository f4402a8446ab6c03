import { z } from 'zod'
import type { ConfigFile } from '@tollgate/operator-config'
import { mcpSectionSchema, mcpServerName } from '@tollgate/mcp'
import { modelName, slug } from '../../fields.schema'
import { promptName } from '../prompts/prompt.schema'

const entries = z.array(z.record(z.string(), z.unknown(), 'must be an object'), 'must be a list').max(10_000).nullish()

/** `runtime.models[]` (product.md 3). What the room does not know stays a fault of its own, so that nothing is dropped. */
const runtimeModel = z.strictObject({
  name: modelName,
  description: z.string().max(4_000).optional(),
  provider: z.string().min(1).max(50),
  model: modelName,
  base_url: z.string().min(1).max(500).optional(),
  api_key: z.string().min(1, 'is empty: set its variable, or leave it out').max(4_000).optional(),
  region: slug.optional(),
  default: z.boolean().optional(),
  model_api_parameters: z.record(z.string(), z.unknown()).optional(),
  prompt: z.string().min(1).max(100_000).optional(),
  mcp_servers: z.array(mcpServerName).max(20).optional(),
  fallbacks: z.array(modelName).max(20).optional(),
})

/** A prompt as its route has it, or with its text as `content` or as system `messages`, as other files of this form do. */
const prompt = z
  .strictObject({
    name: promptName,
    text: z.string().optional(),
    content: z.string().optional(),
    messages: z.array(z.strictObject({ role: z.literal('system', 'must be system: a prompt is what a model is told first'), content: z.string().min(1) })).min(1).optional(),
    merge: z.unknown().optional(),
    temperature: z.unknown().optional(),
    models: z.array(modelName).optional(),
  })
  .refine(({ text, content, messages }) => [text, content, messages].filter((form) => form !== undefined).length === 1, 'needs its text once: as text, content or messages')

/** The operator's file. Entries of a section are judged by the schema of their own route. */
export const configShape = z.strictObject({
  version: z.union([z.string(), z.number()]).optional(),
  name: z.string().max(200).optional(),
  namespace: z.string().max(200).optional(),
  default_model: modelName.optional(),
  tiers: entries,
  models: entries,
  aliases: z.union([z.record(z.string(), modelName), z.array(z.record(z.string(), z.unknown()))], 'must be names with their models, or a list of {name, target, tier?, tenant?}').nullish(),
  prompts: z.array(prompt).max(1_000).nullish(),
  hosts: entries,
  prices: entries,
  tenants: entries,
  runtime: z.strictObject({ default_model: modelName.optional(), default_region: slug.optional(), models: z.array(runtimeModel).max(1_000).nullish() }).nullish(),
  mcp: mcpSectionSchema.nullish(),
} satisfies Record<(typeof ConfigFile.SECTIONS)[number], z.ZodType>)

/** The file and what its variables stand for, as `tollgate config` sends them. */
export const configBody = z
  .strictObject({
    yaml: z.string().max(1_000_000).meta({ description: "The operator's file, as it is written" }),
    variables: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().max(100_000)).default({}).meta({ description: 'What `${env:NAME}` stands for; the environment of the server is never read' }),
  })
  .meta({ id: 'ConfigFileInput' })

export type ConfigShape = z.output<typeof configShape>
export type ConfigBody = z.output<typeof configBody>
