import type { Command } from '../command'

export const invoiceIssue: Command = {
  name: 'invoice issue',
  args: ['<tenant>', '<month>'],
  summary: 'issue the invoice of a closed month such as 2026-10',
  options: { force: { type: 'boolean', summary: 'do not wait for late counts; they stand on the next invoice' } },
  async run({ args, options, api, show }) {
    const invoice = await api.json<{ id: string; total: string; currency: string; sha256: string }>('POST', `/admin/tenants/${encodeURIComponent(args[0]!)}/invoices`, { period: args[1], force: options.force === true })
    show(invoice, `${invoice.id}  ${invoice.total} ${invoice.currency}  ${invoice.sha256}`)
  },
}
