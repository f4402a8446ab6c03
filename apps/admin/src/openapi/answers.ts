import { SetMetadata, type CustomDecorator } from '@nestjs/common'
import type { z } from 'zod'

/** Metadata of a handler: what it answers when all goes well. */
export const ANSWERS = 'tollgate:answers'

/** A body that is answered, and the media types it may be asked for in instead of JSON. */
export interface Answer {
  readonly schema: z.ZodType
  readonly also: readonly string[]
  /** The body is told again and again as server-sent events, and never as JSON. */
  readonly isStream?: boolean
}

/** Declares the JSON body of a handler's success for the OpenAPI document; the status is the handler's own. */
export const Answers = (schema: z.ZodType, ...also: string[]): CustomDecorator => SetMetadata(ANSWERS, { schema, also } satisfies Answer)

/** Declares that a handler answers nothing but server-sent events; `event` is the JSON in each. */
export const Streams = (event: z.ZodType): CustomDecorator => SetMetadata(ANSWERS, { schema: event, also: [], isStream: true } satisfies Answer)
