import type { Command } from '../command'

interface Page {
  readonly data: readonly { readonly id: string; readonly tenant: string; readonly period: string; readonly total: string; readonly currency: string; readonly sha256: string }[]
  readonly has_more: boolean
  readonly next: string | null
}

export const invoiceList: Command = {
  name: 'invoice list',
  args: ['[tenant]'],
  summary: 'issued invoices, oldest first',
  async run({ args, api, show }) {
    const invoices: Page['data'][number][] = []
    for (let after: string | null = ''; after !== null; ) {
      const query = new URLSearchParams({ limit: '200', ...(args[0] ? { tenant: args[0] } : {}), ...(after ? { after } : {}) })
      const page: Page = await api.json('GET', `/admin/invoices?${query}`)
      invoices.push(...page.data)
      after = page.next
    }
    const lines = invoices.map(({ id, tenant, period, total, currency, sha256 }) => `${id}  ${period}  ${tenant}  ${total} ${currency}  ${sha256.slice(0, 12)}`)
    show(invoices, lines.length > 0 ? lines.join('\n') : 'No invoice has been issued.')
  },
}
