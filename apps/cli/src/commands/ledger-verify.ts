import type { Command } from '../command'
import { UsageError } from '../terminal'

interface Chain {
  readonly tenant: string | null
  readonly tenant_id: string
  readonly sealed: number
  readonly unsealed: number
  readonly head: { readonly seq: number; readonly hash: string } | null
  readonly problem: { readonly kind: string; readonly table: string; readonly seq: number | null; readonly day: string | null; readonly request_id: string | null; readonly rank: number | null; readonly message: string } | null
}

interface Verification {
  readonly ok: boolean
  readonly sealed: number
  readonly unsealed: number
  readonly tenants: readonly Chain[]
}

export const ledgerVerify: Command = {
  name: 'ledger verify',
  args: [],
  summary: 'walk the hash chain over the ledger and name the first row that was altered, removed, reordered or inserted',
  options: {
    tenant: { type: 'string', summary: 'one tenant only, by slug' },
    head: { type: 'string', summary: 'with --tenant: a head that was kept, as <number>:<hash>; the chain must still hold it' },
  },
  async run({ options, api, show }) {
    const head = options.head === undefined ? undefined : headOf(String(options.head))
    const found = await api.json<Verification>('POST', '/admin/proof/ledger/verify', { tenant: options.tenant, head })
    show(found, textOf(found))
    return found.ok
  },
}

function headOf(text: string): { seq: number; hash: string } {
  const match = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text)
  if (!match) throw new UsageError(`--head takes <number>:<hash> as an earlier verification printed it, not "${text}".`)
  return { seq: Number(match[1]), hash: match[2]! }
}

function textOf({ ok, sealed, unsealed, tenants }: Verification): string {
  const lines = tenants.map((chain) => {
    const name = chain.tenant ?? `${chain.tenant_id} (removed)`
    const head = chain.head ? `, head ${chain.head.seq}:${chain.head.hash}` : ''
    const problem = chain.problem ? `\n  ${placeOf(chain.problem)}: ${chain.problem.message}` : ''
    return `${name}: ${chain.sealed} sealed, ${chain.unsealed} not yet${head}${problem}`
  })
  const verdict = ok ? `Every chain holds: ${sealed} rows sealed, ${unsealed} not yet.` : `${tenants.filter(({ problem }) => problem).length} of ${tenants.length} chains do not hold.`
  return [...lines, verdict].join('\n')
}

function placeOf({ kind, table, seq, day, request_id, rank }: NonNullable<Chain['problem']>): string {
  return [`${kind} in ${table}`, ...(seq === null ? [] : [`link ${seq}`]), ...(request_id === null ? [] : [`request ${request_id} of ${day}, rank ${rank}`])].join(', ')
}
