import type { InvoiceDocument } from './invoice'

const COLUMNS = ['invoice', 'line', 'kind', 'project', 'model', 'price_id', 'requests', 'prompt_tokens', 'cached_tokens', 'cache_write_tokens', 'completion_tokens', 'reasoning_tokens', 'exact', 'amount', 'residue', 'currency']

/** The lines of an invoice as CSV (RFC 4180), and one more for the total, whose line is `total`. */
export function invoiceCsv(invoice: InvoiceDocument): string {
  const lines = invoice.lines.map(({ line, kind, project, model, price, requests, tokens, exact, amount, residue }) => [
    ...[line, kind, project?.slug ?? project?.id ?? '', text(model), price?.id ?? '', requests],
    ...[tokens.prompt, tokens.cached, tokens.cache_write, tokens.completion, tokens.reasoning, exact, amount, residue],
  ])
  const { exact, amount, residue } = invoice.total
  const rows = [...lines, ['total', '', '', '', '', invoice.requests, '', '', '', '', '', exact, amount, residue]]
  return [COLUMNS, ...rows.map((row) => [invoice.id, ...row, invoice.currency])].map((row) => `${row.map(cell).join(',')}\r\n`).join('')
}

/** A name that a spreadsheet would run as a formula gets an apostrophe in front. Amounts may begin with a minus. */
function text(value: string): string {
  return /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value
}

function cell(value: string | number): string {
  const plain = String(value)
  return /[",\r\n]/.test(plain) ? `"${plain.replace(/"/g, '""')}"` : plain
}
