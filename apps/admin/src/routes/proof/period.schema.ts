import { z } from 'zod'
import { instant } from '../../fields.schema'
import { invalid } from '../../invalid'

const DAY_MS = 86_400_000
const MOST_DAYS = 400

/** A UTC day or an instant; `to` is not included. */
const moment = z.union([z.iso.date().transform((day) => new Date(day)), instant], 'must be a day such as 2026-11-01 or an RFC 3339 time such as 2026-11-01T00:00:00Z')

/** The period of a comparison with the past, by the start of calls. */
export const periodFields = { from: moment, to: moment }

/** @throws RefusalError invalid_request when it is empty, backwards or longer than 400 days */
export function periodMs({ from, to }: { from: Date; to: Date }): { fromMs: number; toMs: number } {
  const [fromMs, toMs] = [from.getTime(), to.getTime()]
  if (fromMs >= toMs) throw invalid({ path: 'to', message: 'must be after from' })
  if (toMs - fromMs > MOST_DAYS * DAY_MS) throw invalid({ path: 'from', message: `must be at most ${MOST_DAYS} days before to` })
  return { fromMs, toMs }
}
