import type { Command } from '../command'
import { UsageError } from '../terminal'

const FORMATS = ['json', 'csv', 'html']

export const invoiceShow: Command = {
  name: 'invoice show',
  args: ['<id>'],
  summary: 'print the document of an invoice: the bytes that were hashed, CSV, or a page to print',
  options: { format: { type: 'string', summary: 'json (default), csv or html' } },
  async run({ args, options, api, terminal }) {
    const format = String(options.format ?? 'json')
    if (!FORMATS.includes(format)) throw new UsageError(`--format must be ${FORMATS.join(', ')}.`)
    // As it came, without a line feed: its SHA-256 is the invoice's.
    terminal.stdout.write(await api.text(`/admin/invoices/${encodeURIComponent(args[0]!)}/document?format=${format}`))
  },
}
