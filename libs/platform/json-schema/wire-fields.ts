import { z } from 'zod'

/** A time on the wire: RFC 3339, UTC. A `Date` until the reply is written down. */
export const instantReply = z.date()

/** The same, where it is text already. */
export const instantTextReply = z.string().meta({ format: 'date-time' })

/** Money on the wire: a decimal string with at most twelve decimals. */
export const moneyReply = z.string().regex(/^-?\d+(\.\d{1,12})?$/).meta({ description: 'Decimal string' })

/** What the next page is asked for with; null on the last one. */
export const cursorReply = <Cursor extends z.ZodType>(cursor: Cursor) => cursor.nullable().meta({ description: 'Sent as `after`, it asks for the next page' })

/** A page of a list. */
export const pageReply = <Item extends z.ZodType>(item: Item) => z.strictObject({ data: z.array(item), has_more: z.boolean(), next: cursorReply(z.string()) })
