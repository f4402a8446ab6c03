import type { ChainReport } from '@tollgate/proof'
import { z } from 'zod'

const TABLES = { ledger: 'ledger', usage: 'usage', chain: 'ledger_seal' } as const

/** The first row of a chain that does not hold; null is what nothing tells any more. */
const chainProblemReply = z
  .strictObject({
    kind: z.enum(['altered', 'removed', 'reordered', 'inserted']),
    table: z.enum(TABLES),
    seq: z.int().nullable(),
    day: z.iso.date().nullable(),
    request_id: z.uuid().nullable(),
    rank: z.int().nullable(),
    message: z.string(),
  })
  .meta({ id: 'ChainProblem', description: 'The first row that does not hold; null is what nothing tells any more' })

/** One tenant's chain. */
const chainReply = z
  .strictObject({
    tenant: z.string().nullable().meta({ description: 'Null for one that was removed and left its books behind' }),
    tenant_id: z.uuid(),
    ok: z.boolean(),
    sealed: z.int().meta({ description: 'Links that hold' }),
    unsealed: z.int().meta({ description: 'Rows younger than about a second, and no error' }),
    head: z.strictObject({ seq: z.int(), hash: z.string().regex(/^[0-9a-f]{64}$/) }).nullable().meta({ description: 'The last link that held: worth keeping outside' }),
    problem: chainProblemReply.nullable(),
  })
  .meta({ id: 'LedgerChain' })

/** What became of each chain, and of all. */
export const verificationReply = z.strictObject({ ok: z.boolean(), sealed: z.int(), unsealed: z.int(), tenants: z.array(chainReply) }).meta({ id: 'LedgerVerification' })

/** The reports of a verification, added up. */
export function verificationWire(reports: readonly ChainReport[]): z.output<typeof verificationReply> {
  const total = (pick: (report: ChainReport) => number) => reports.reduce((sum, report) => sum + pick(report), 0)
  return { ok: reports.every((report) => report.problem === null), sealed: total((r) => r.sealed), unsealed: total((r) => r.unsealed), tenants: reports.map(chainWire) }
}

/** `sealed` counts the links that hold; `unsealed` rows are younger than about a second, and no error. */
function chainWire({ id, slug, sealed, unsealed, head, problem }: ChainReport): z.output<typeof chainReply> {
  const named = problem && { kind: problem.kind, table: TABLES[problem.what], seq: problem.seq, day: problem.day, request_id: problem.rid, rank: problem.rank, message: problem.sentence }
  return { tenant: slug, tenant_id: id, ok: problem === null, sealed, unsealed, head: head.seq === 0 ? null : head, problem: named }
}
