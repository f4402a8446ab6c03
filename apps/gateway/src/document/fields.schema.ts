import { z } from 'zod'

export const finishReason = z.enum(['stop', 'length', 'tool_calls', 'content_filter'])

/** Where token counts come from: the provider's own figure, or our estimate. */
export const usageSource = z.enum(['provider', 'estimated'])

/** What the caller should know of its answer, such as that its budget made it shorter. */
export const warnings = z.array(z.string()).readonly()

/** What rules chose: wanted, used, because. */
export const selectionNote = z.strictObject({ wanted: z.string(), used: z.string(), rule: z.string(), reason: z.string() }).meta({ id: 'SelectionNote' })

const token = { token: z.string(), logprob: z.number(), bytes: z.array(z.int()).readonly().nullable() }

/** A token with its log probability. */
export const tokenLogprob = z.strictObject({ ...token, top_logprobs: z.array(z.strictObject(token)).readonly() }).meta({ id: 'TokenLogprob' })

/** Compiles only where a body of type `Wire` is one of `Schema`, with no field that the schema does not name. */
export type Fits<Schema extends z.ZodType, Wire extends z.input<Schema> & Readonly<Record<Exclude<keyof Wire, NamesOf<z.input<Schema>>>, never>>> = [Schema, Wire]

type NamesOf<Body> = Body extends unknown ? keyof Body : never
