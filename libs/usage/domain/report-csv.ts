import { lineOf, addSums, type GroupLine } from './report-line'

const FIGURES = [...Object.keys(lineOf(addSums([]))), 'currency']

/**
 * Lines as CSV (RFC 4180): a header, the groups first, CRLF at every end. Names come from tenants, so a group that a
 * spreadsheet would run as a formula begins with an apostrophe; figures are ours, and stay the exact text they are.
 */
export function linesCsv(lines: readonly GroupLine[], groups: readonly string[]): string {
  const rows = lines.map((line) => [...groups.map((group) => quoted(harmless(String(line[group] ?? '')))), ...FIGURES.map((figure) => quoted(String(line[figure] ?? '')))])
  return [[...groups, ...FIGURES], ...rows].map((cells) => `${cells.join(',')}\r\n`).join('')
}

/** Also the full-width signs, which some spreadsheets read as the narrow ones. */
function harmless(text: string): string {
  return /^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
