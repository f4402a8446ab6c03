import type { BenchResult } from './result'
import type { Figures } from './summary'
import { CHUNKS } from './upstream-answers'

type Column = readonly [title: string, read: (row: Figures) => string]

const LABELS: Readonly<Record<string, string>> = { direct: 'upstream alone', gateway: 'Tollgate, everything on', fastify: 'bare Fastify + undici', node: 'node:http + undici', portkey: 'Portkey' }

const whole = (value: number) => (Number.isNaN(value) ? '–' : String(Math.round(value)))
const fine = (value: number, digits = 2) => (Number.isNaN(value) ? '–' : value.toFixed(digits))
const percent = (value: number) => (Number.isNaN(value) ? '–' : `${Math.round(value * 100)} %`)
const firstCpu = (row: Figures) => Object.values(row.cpuUsPerCall)[0] ?? Number.NaN

const NAME: Column = ['', (row) => LABELS[row.target] ?? row.target]
const BUSY: Column[] = [
  ['core busy', (row) => percent(row.busyShare)],
  ['load core', (row) => percent(row.loadBusyShare)],
]

const WHOLE: readonly Column[] = [NAME, ['calls/s', (row) => whole(row.callsPerSecond)], ['p50 ms', (row) => fine(row.p50Ms)], ['p99 ms', (row) => fine(row.p99Ms)], ['CPU µs/call', (row) => whole(firstCpu(row))], ['in all', (row) => whole(row.cpuUsPerCallInAll)], ...BUSY]

const TABLES: Readonly<Record<Figures['measure'], readonly [title: string, columns: readonly Column[]]>> = {
  plain: ['Whole answers', WHOLE],
  long: ['Whole answers to prompts of 100 kB', WHOLE],
  streams: [
    `Streams of ${CHUNKS} chunks, as fast as they go`,
    [NAME, ['chunks/s', (row) => whole(row.callsPerSecond * CHUNKS)], ['calls/s', (row) => whole(row.callsPerSecond)], ['CPU µs/call', (row) => whole(firstCpu(row))], ['in all', (row) => whole(row.cpuUsPerCallInAll)], ['in all µs/chunk', (row) => fine(row.cpuUsPerChunk, 1)], ...BUSY],
  ],
  paced: [
    'Streams at the pace of a model',
    [NAME, ['chunks/s', (row) => whole(row.callsPerSecond * CHUNKS)], ['p50 ms', (row) => fine(row.p50Ms, 0)], ['p99 ms', (row) => fine(row.p99Ms, 0)], ['in all µs/chunk', (row) => fine(row.cpuUsPerChunk, 1)], ...BUSY],
  ],
  rate: [
    'Latency at a fixed rate',
    [NAME, ['calls/s', (row) => whole(row.callsPerSecond)], ['p50 ms', (row) => fine(row.p50Ms)], ['p99 ms', (row) => fine(row.p99Ms)], ['added p50', (row) => fine(row.addedP50Ms)], ['added p99', (row) => fine(row.addedP99Ms)], ...BUSY],
  ],
}

/** The result for people: one table a measure, ratios, settlement, memory, verdicts. */
export function report(result: BenchResult): string {
  const { machine, options } = result
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; ${options.connections} connections, medians of ${options.rounds} rounds × ${options.seconds} s`,
    ...result.notes.map((note) => `note: ${note}`),
  ]
  for (const measure of options.measures) {
    const [title, columns] = TABLES[measure]
    lines.push('', title, ...table(columns, result.figures.filter((row) => row.measure === measure)))
  }
  lines.push('', ...ratioLines(result), ...gatewayLines(result), '', ...verdictLines(result))
  return lines.join('\n')
}

function table(columns: readonly Column[], rows: readonly Figures[]): string[] {
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, read]) => read(row)))]
  const widths = columns.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)))
  return cells.map((line) => line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  ').trimEnd())
}

function ratioLines({ ratios }: BenchResult): string[] {
  const line = (what: string, fastify: number, node: number, portkey: number) => `Tollgate ÷ others, ${what}: ${fine(fastify)} × bare Fastify, ${fine(node)} × node:http, ${fine(portkey, 1)} × Portkey`
  return [
    line('calls/s of whole answers', ratios.plainOverFastify, ratios.plainOverNode, ratios.plainOverPortkey),
    line('calls/s of long prompts', ratios.longOverFastify, ratios.longOverNode, ratios.longOverPortkey),
    line('chunks/s of streams', ratios.streamsOverFastify, ratios.streamsOverNode, ratios.streamsOverPortkey),
  ]
}

function gatewayLines({ figures, idleRssMib, settlement }: BenchResult): string[] {
  const rows = figures.filter(({ target }) => target === 'gateway')
  const cpu = rows.map((row) => `${row.measure} ${Object.entries(row.cpuUsPerCall).filter(([, us]) => us >= 1).map(([label, us]) => `${label} ${whole(us)}`).join(' + ')}`)
  const lines = rows.length === 0 ? [] : [`CPU µs a call: ${cpu.join('; ')}`]
  for (const row of rows.filter(({ measure }) => measure === 'plain' || measure === 'streams')) {
    lines.push(`Settlement of ${row.measure}: ${whole(row.settledUnderLoadPerSecond)} records/s under load, ${whole(row.lagRecords)} waiting at its end, ${whole(row.settledAfterPerSecond)} records/s after; ${whole(row.sustainedPerSecond)} calls/s with settling counted`)
  }
  if (settlement) {
    const verdict = settlement.usageRows === settlement.completedCalls && settlement.isBalanced ? 'equal; ledger and rollups balance' : 'NOT EQUAL OR NOT BALANCED'
    lines.push(`Usage rows ${settlement.usageRows}, completed calls ${settlement.completedCalls}, of errors ${settlement.errors}: ${verdict}`)
  }
  const most = (target: string) => Math.max(...figures.filter((row) => row.target === target).map((row) => row.rssMib))
  lines.push(`Memory MiB, idle / most: ${Object.entries(idleRssMib).map(([target, mib]) => `${target} ${whole(mib)} / ${whole(most(target))}`).join(', ')}`)
  return lines
}

function verdictLines({ verdicts }: BenchResult): string[] {
  return verdicts.map(({ kind, demand, value, unit, isMet }) => `${kind === 'floor' ? 'floor' : 'goal '} ${isMet === null ? 'not measured' : isMet ? 'met         ' : 'NOT MET     '} ${demand}${isMet === null ? '' : ` (${fine(value)} ${unit})`}`)
}
