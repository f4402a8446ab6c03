import { z } from 'zod'

/** Money on the wire: a decimal string with at most twelve decimals. */
export const money = z.string().regex(/^-?\d+(\.\d{1,12})?$/).meta({ description: 'Decimal string' })

/** A time on the wire, where its text is made by us: RFC 3339, UTC. */
export const instant = z.string().meta({ format: 'date-time' })

/** The same where a `Date` is handed out, which Fastify writes down. */
export const date = z.date()

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

/** A page of a list. */
export const pageOf = <Item extends z.ZodType, Next extends z.ZodType>(item: Item, next: Next) =>
  z.strictObject({ data: z.array(item), has_more: z.boolean(), next: next.nullable().meta({ description: 'Sent as `after`, it asks for the next page' }) })

/** Compiles only where a body of type `Wire` is one of `Schema`, with no field that the schema does not name. */
export type Fits<Schema extends z.ZodType, Wire extends z.input<Schema> & Readonly<Record<Exclude<keyof Wire, NamesOf<z.input<Schema>>>, never>>> = [Schema, Wire]

type NamesOf<Body> = Body extends unknown ? keyof Body : never
