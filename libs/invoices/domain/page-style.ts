/** The style of the printed page: A4, no colour needed, heads of the table on every sheet, no line torn in two. */
export const PAGE_STYLE = `
@page { size: A4; margin: 18mm 16mm; }
* { box-sizing: border-box; }
body { font: 10pt/1.4 system-ui, "Helvetica Neue", Arial, sans-serif; color: #1a1a1a; max-width: 178mm; margin: 12mm auto; padding: 0 4mm; }
header { display: flex; justify-content: space-between; align-items: baseline; border-bottom: 2px solid #1a1a1a; padding-bottom: 3mm; }
h1 { font-size: 20pt; margin: 0; }
.amount { font-size: 20pt; margin: 0; font-variant-numeric: tabular-nums; }
small { font-size: 7.5pt; color: #555; }
.amount small { font-size: 11pt; }
dl { display: grid; grid-template-columns: 1fr 1fr; gap: 1mm 8mm; margin: 6mm 0 8mm; }
dl div { display: flex; gap: 3mm; }
dt { color: #555; flex: 0 0 20mm; }
dd { margin: 0; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
.lines th { font-weight: 600; font-size: 8.5pt; border-bottom: 1px solid #1a1a1a; vertical-align: bottom; }
.lines th, .lines td { text-align: right; padding: 1.6mm 0 1.6mm 3mm; white-space: nowrap; }
.lines td { vertical-align: top; border-bottom: 1px solid #ddd; }
.lines th:first-child, .lines td:first-child { text-align: left; padding-left: 0; width: 6mm; }
.lines .what { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 45mm; }
.lines .project td { font-weight: 600; border-bottom: 1px solid #777; padding-top: 4mm; }
.late { font-size: 7.5pt; border: 1px solid #777; border-radius: 2px; padding: 0 1mm; }
.totals { width: auto; margin: 4mm 0 0 auto; break-inside: avoid; }
.totals th { text-align: left; font-weight: 400; padding: 1mm 10mm 1mm 0; }
.totals td { text-align: right; }
.total th, .total td { font-size: 13pt; font-weight: 700; border-top: 2px solid #1a1a1a; padding-top: 2mm; }
footer { margin-top: 10mm; font-size: 7.5pt; color: #555; break-inside: avoid; }
footer p { margin: 1mm 0; }
code { font-size: 7.5pt; overflow-wrap: anywhere; }
@media print { body { margin: 0; padding: 0; max-width: none; } }
`
