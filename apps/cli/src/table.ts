/** Columns aligned under their heads, two blanks apart; cells that are all digits, signs and points stand to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => (row[i] ?? '').length)))
  const isNumber = head.map((_, i) => rows.length > 0 && rows.every((row) => /^-?[\d.,]*%?$/.test(row[i] ?? '')) && rows.some((row) => row[i]))
  const line = (row: readonly string[]) => row.map((cell, i) => (isNumber[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('  ').trimEnd()
  return [head, ...rows].map(line).join('\n')
}

/** A size for people. */
export function sizeText(bytes: number | null): string {
  if (bytes === null) return ''
  const [unit, size] = bytes >= 1e9 ? ['GB', bytes / 1e9] : bytes >= 1e6 ? ['MB', bytes / 1e6] : ['kB', bytes / 1e3]
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${unit}`
}
