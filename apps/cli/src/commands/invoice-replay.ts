import type { Command } from '../command'

interface Replay {
  readonly equal: boolean
  readonly sha256: string
  readonly issued_sha256: string
  readonly differences: readonly { readonly path: string; readonly issued: unknown; readonly recomputed: unknown }[]
}

export const invoiceReplay: Command = {
  name: 'invoice replay',
  args: ['<id>'],
  summary: 'compute an invoice anew from the ledger and compare it with what was issued',
  async run({ args, api, show }) {
    const replay = await api.json<Replay>('POST', `/admin/invoices/${encodeURIComponent(args[0]!)}/replay`)
    show(replay, replay.equal ? `equal    ${replay.sha256}` : [`issued   ${replay.issued_sha256}`, `now      ${replay.sha256}`, ...replay.differences.map(lineOf)].join('\n'))
    return replay.equal
  },
}

function lineOf({ path, issued, recomputed }: Replay['differences'][number]): string {
  return `  ${path}: issued ${JSON.stringify(issued)}, now ${JSON.stringify(recomputed)}`
}
