import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Client } from 'pg'
import { startEmbeddedPostgres, startPrivateRedis } from '@tollgate/platform/embedded'
import { migrate } from '@tollgate/platform/postgres'
import { describeMachine } from '../bench/cores'
import { build, describe, type Dataset } from './dataset'
import { openDoors, type Doors } from './doors'
import { checkSample } from './sample'
import { shapesOf, type Shape } from './shapes'

const cache = join(__dirname, '..', '..', '..', '.cache', 'bench-report')
const PASSWORD = 'bench-report'
const MONTHS = 4
const WARM_UPS = 3

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '10000000' }, rounds: { type: 'string', default: '30' }, only: { type: 'string', default: '' }, fresh: { type: 'boolean', default: false } },
})
const size = { rows: Number(values.rows), months: MONTHS }
const rounds = Number(values.rounds)
if (!(size.rows >= 10_000 && rounds >= 1)) {
  console.error('usage: npm run bench:report -- [--rows 10000000] [--rounds 30] [--only <part of a title>] [--fresh]')
  process.exit(2)
}

const closers: (() => Promise<unknown>)[] = []

/** The rows are of these statements: a change of them, of their number or of the month makes new ones. */
function fingerprint(): string {
  return createHash('sha256').update(readFileSync(join(__dirname, 'dataset.js'))).update(`${size.rows} ${new Date().toISOString().slice(0, 7)}`).digest('hex')
}

/** A server on the database of an earlier run, or on a new one; what is not marked as whole is thrown away. */
async function openDatabase(): Promise<{ url: string; owner: Client }> {
  mkdirSync(cache, { recursive: true })
  for (const isFresh of values.fresh ? [true] : [false, true]) {
    const dataDir = join(cache, 'postgres')
    if (isFresh) rmSync(dataDir, { recursive: true, force: true })
    const postgres = await startEmbeddedPostgres({ dataDir, durability: 'fast' })
    const owner = new Client({ connectionString: postgres.url })
    await owner.connect()
    owner.on('error', () => undefined)
    const { rows } = await owner.query<{ isMarked: boolean; isEmpty: boolean }>(`SELECT to_regclass('bench.built') IS NOT NULL AS "isMarked", to_regclass('schema_migration') IS NULL AS "isEmpty"`)
    const built = rows[0]!.isMarked ? (await owner.query<{ fingerprint: string }>('SELECT fingerprint FROM bench.built')).rows[0] : undefined
    if (built?.fingerprint === fingerprint() || rows[0]!.isEmpty) {
      closers.push(() => owner.end(), () => postgres.stop())
      await migrate({ url: postgres.url, rolePassword: PASSWORD })
      if (!built) await fill(owner)
      return { url: postgres.url, owner }
    }
    await owner.end()
    await postgres.stop()
  }
  throw new Error(`the database in ${cache} cannot be replaced`)
}

async function fill(owner: Client): Promise<void> {
  const startedMs = performance.now()
  const tell = (line: string) => console.error(`${((performance.now() - startedMs) / 1000).toFixed(0)} s: ${line}`)
  await build(owner, size, tell)
  await owner.query('CREATE TABLE bench.built AS SELECT $1::text AS fingerprint', [fingerprint()])
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!
}

async function time(doors: Doors, shape: Shape): Promise<boolean> {
  let last = await doors.ask(shape)
  for (let i = 1; i < WARM_UPS; i++) last = await doors.ask(shape)
  const all: number[] = []
  for (let i = 0; i < rounds; i++) all.push((last = await doors.ask(shape)).ms)
  all.sort((a, b) => a - b)
  const p95 = quantile(all, 0.95)
  const isMet = shape.mostMs === null || p95 <= shape.mostMs
  const figures = [quantile(all, 0.5), p95, all.at(-1)!].map((ms) => ms.toFixed(1).padStart(8)).join('')
  console.log(`${shape.title.padEnd(58)}${figures}${String(Math.ceil(last.bytes / 1024)).padStart(7)}  ${shape.mostMs === null ? '' : `${isMet ? 'met' : 'MISSED'} (${shape.mostMs})`}`)
  if (last.next && !shape.path.includes('after=')) return (await time(doors, { ...shape, title: `${shape.title}, next page`, path: `${shape.path}&after=${last.next}` })) && isMet
  return isMet
}

async function run(): Promise<boolean> {
  const { url, owner } = await openDatabase()
  const dataset: Dataset & { lines: string[] } = await describe(owner)
  const { cpu, cores, node } = describeMachine()
  for (const line of [`${new Date().toISOString()}, ${cpu}, ${cores} cores, Node ${node}, load ${loadavg().map((load) => load.toFixed(1)).join(' ')}`, ...dataset.lines, await checkSample(owner, url, PASSWORD, dataset.from)]) console.log(line)
  const redis = await startPrivateRedis({ dir: join(cache, 'redis'), appendOnly: false })
  closers.unshift(() => redis.stop())
  const doors = await openDoors(owner, { url, rolePassword: PASSWORD, redisUrl: redis.url }, dataset)
  closers.unshift(() => doors.stop())
  console.log(`\n${dataset.from} to ${dataset.to}, ms over HTTP, ${rounds} rounds`.padEnd(59) + '     p50     p95     max    KiB')
  let isMet = true
  for (const shape of shapesOf(dataset).filter(({ title }) => title.includes(values.only))) isMet = (await time(doors, shape)) && isMet
  console.log(`\nload ${loadavg()[0]!.toFixed(1)}; ${isMet ? 'every figure is met' : 'not every figure is met'}`)
  return isMet
}

async function close(): Promise<void> {
  for (const closer of closers.splice(0)) await closer().catch(() => undefined)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void close().finally(() => process.exit(130)))
run()
  .then((isMet) => (process.exitCode = isMet ? 0 : 1))
  .catch((error: unknown) => {
    console.error(error)
    process.exitCode = 1
  })
  .finally(() => close().finally(() => process.exit()))
