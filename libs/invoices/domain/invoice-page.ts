import type { InvoiceDocument, LineDocument, PriceDocument } from './invoice'
import { PAGE_STYLE } from './page-style'

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']

/** The invoice as one HTML page for A4 paper: no script, nothing loaded, every text escaped. @param sha256 of its canonical JSON */
export function invoicePage(invoice: InvoiceDocument, sha256: string): string {
  const title = `Invoice ${invoice.number} · ${escape(invoice.tenant.name)}`
  const residue = invoice.total.residue === '0' ? '' : `<tr class="residue"><th scope="row">Residue of rounding</th><td>${escape(invoice.total.residue)}</td></tr>`
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>${PAGE_STYLE}</style></head>
<body>
<header><h1>Invoice ${invoice.number}</h1><p class="amount">${escape(grouped(invoice.total.amount))} <small>${escape(invoice.currency)}</small></p></header>
<dl>
${facts([
  ['Billed to', `${invoice.tenant.name} (${invoice.tenant.slug})`],
  ['Period', `${monthName(invoice.period.name)}, ${invoice.period.time_zone}`],
  ['From', utc(invoice.period.starts_at)],
  ['Until', utc(invoice.period.ends_at)],
  ['Issued', utc(invoice.issued_at)],
  ['Invoice id', invoice.id],
])}
</dl>
<table class="lines">
<thead><tr><th>#</th><th class="what">Model and price</th><th>Requests</th><th>Tokens in</th><th>Tokens out</th><th>Exact</th><th>Amount ${escape(invoice.currency)}</th></tr></thead>
<tbody>
${invoice.lines.length === 0 ? '<tr><td></td><td class="what" colspan="6">Nothing was charged in this period.</td></tr>' : lineRows(invoice).join('\n')}
</tbody>
</table>
<table class="totals"><tbody>
<tr><th scope="row">Exact sum</th><td>${escape(invoice.total.exact)}</td></tr>
${residue}<tr class="total"><th scope="row">Total ${escape(invoice.currency)}</th><td>${escape(grouped(invoice.total.amount))}</td></tr>
</tbody></table>
<footer>
<p>Each line is the exact sum of its ledger entries, rounded once, a half to the even digit; the total is the sum of the rounded lines. ${count(invoice.requests_without_charge)} more requests were free of charge or not charged. An adjustment is what was counted late for calls of an earlier period.</p>
<p>SHA-256 of the canonical document <code>${escape(sha256)}</code></p>
<p>Ledger entries ${invoice.ledger.first_seq} to ${invoice.ledger.cutoff_seq}${invoice.ledger.head === null ? '' : `, head of the chain <code>${escape(invoice.ledger.head)}</code>`}</p>
</footer>
</body>
</html>
`
}

/** Lines under the project they belong to, where any belongs to one. */
function lineRows({ lines, by_project: groups, currency }: InvoiceDocument): string[] {
  if (!groups?.some(({ project }) => project !== null)) return lines.map(lineRow)
  return groups.flatMap(({ project, requests, total }) => {
    const own = lines.filter((line) => line.project?.id === project?.id)
    const title = project ? `Project ${project.name ?? project.id}${project.slug === null ? '' : ` (${project.slug})`}` : 'Without a project'
    const head = `<tr class="project"><td colspan="2">${escape(title)}</td><td>${count(requests)}</td><td></td><td></td><td>${escape(total.exact)}</td><td>${escape(grouped(total.amount))} ${escape(currency)}</td></tr>`
    return [head, ...own.map(lineRow)]
  })
}

function lineRow({ line, kind, model, price, requests, tokens, exact, amount }: LineDocument): string {
  const label = kind === 'adjustment' ? ' <span class="late">adjustment</span>' : ''
  return `<tr><td>${line}</td><td class="what"><strong>${escape(model)}</strong>${label}${price ? `<br><small>${priceText(price)}</small>` : ''}</td><td>${count(requests)}</td><td>${escape(grouped(tokens.prompt))}${part(tokens.cached, 'cached')}${part(tokens.cache_write, 'cache writes')}</td><td>${escape(grouped(tokens.completion))}${part(tokens.reasoning, 'reasoning')}</td><td>${escape(exact)}</td><td>${escape(grouped(amount))}</td></tr>`
}

/** Classes that are priced apart, and nothing that is zero. */
function priceText(price: PriceDocument): string {
  const perMillion = [
    ['in', price.input_per_million],
    ['out', price.output_per_million],
    ['cached', price.cached_input_per_million],
    ['cache writes', price.cache_write_per_million],
    ['reasoning', price.reasoning_per_million],
  ].flatMap(([name, amount]) => (amount === null ? [] : [`${name} ${amount}`]))
  const fees = [...(price.per_request === '0' ? [] : [`${price.per_request} a request`]), ...(price.gpu_second === null ? [] : [`${price.gpu_second} a GPU-second`])]
  const place = [price.provider, price.region, price.tier].filter((name) => name !== null).join(', ')
  return escape(`${[`${perMillion.join(', ')} per million tokens`, ...fees].join('; ')}${place ? ` · ${place}` : ''} · price of ${price.effective_at.slice(0, 10)}, ${price.id}`)
}

function part(amount: string, name: string): string {
  return amount === '0' ? '' : `<br><small>${escape(grouped(amount))} ${name}</small>`
}

function facts(rows: readonly (readonly [string, string])[]): string {
  return rows.map(([name, value]) => `<div><dt>${name}</dt><dd>${escape(value)}</dd></div>`).join('\n')
}

function monthName(period: string): string {
  return `${MONTHS[Number(period.slice(5)) - 1]} ${period.slice(0, 4)}`
}

function utc(instant: string): string {
  return `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`
}

function count(value: number): string {
  return grouped(String(value))
}

/** Thousands apart by a narrow space that does not break; the fraction is left alone. */
function grouped(decimal: string): string {
  const [whole, fraction] = decimal.split('.')
  const spaced = whole!.replace(/\B(?=(\d{3})+$)/g, '\u202f')
  return fraction === undefined ? spaced : `${spaced}.${fraction}`
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
