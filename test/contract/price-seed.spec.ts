import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from '../support'

const root = join(__dirname, '../..')
const sql = readFileSync(join(root, 'migrations/0011_prices.sql'), 'utf8')
const SEED = sql.split('FROM (VALUES\n')[1]!.split('\n) AS r(')[0]!
const [, DATE, COMMIT] = /'genai-prices (\S+) (\S+)'/.exec(sql)!
const UNITS = ['input_mtok', 'output_mtok', 'cache_read_mtok', 'cache_write_mtok']

interface Model {
  id: string
  prices: { constraint?: Record<string, string>; prices: Record<string, unknown> }[]
}

/** The data the rows were written from, in the shape of genai-prices, as far as the rows tell. */
function dataOfRows(): { id: string; models: Model[] }[] {
  const providers = new Map<string, Map<string, Model>>()
  for (const [, provider, id, from, amounts] of SEED.matchAll(/^ {2}\('[^']+', '([^']+)', '([^']+)', '([^']+)', ([^)]+)\)/gm)) {
    const models = providers.get(provider!) ?? new Map<string, Model>()
    const model = models.get(id!) ?? { id: id!, prices: [] }
    const prices = Object.fromEntries(amounts!.split(', ').flatMap((text, i) => (text === 'NULL' ? [] : [[UNITS[i]!, Number(text)]])))
    model.prices.push(from === DATE ? { prices } : { constraint: { start_date: from! }, prices })
    providers.set(provider!, models.set(id!, model))
  }
  return [...providers].map(([id, models]) => ({ id, models: [...models.values()] }))
}

function seedOf(data: object): { status: number | null; rows: string; error: string } {
  const folder = tempFolder()
  const path = join(folder.path, 'data.json')
  writeFileSync(path, JSON.stringify(data))
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'scripts/price-seed.mjs'), path, DATE!, COMMIT!], { encoding: 'utf8' })
  folder.remove()
  return { status, rows: stdout.split('\n').slice(1, -1).join('\n'), error: stderr }
}

describe('the list of cloud prices', () => {
  it('is what the script writes from the data it names, row by row', () => {
    expect(SEED.split('\n').length).toBeGreaterThanOrEqual(40)
    expect(seedOf(dataOfRows()).rows).toBe(SEED)
  })

  it.each<[string, (model: Model) => void]>([
    ['by the length of the prompt', (model) => (model.prices[0]!.prices.input_mtok = { base: 1, tiers: [{ start: 200_000, price: 2 }] })],
    ['by the time of day', (model) => model.prices.push({ constraint: { start_time: '00:30:00Z' }, prices: { input_mtok: 1 } })],
    ['of more than six decimals', (model) => (model.prices[0]!.prices.input_mtok = 0.1234567)],
    ['of a class we do not have', (model) => (model.prices[0]!.prices.requests_kcount = 5)],
  ])('refuses a price %s, naming the model', (_name, spoil) => {
    const data = dataOfRows()
    spoil(data.find(({ id }) => id === 'openai')!.models.find(({ id }) => id === 'gpt-4o')!)
    const { status, error } = seedOf(data)
    expect(status).not.toBe(0)
    expect(error).toContain('openai gpt-4o')
  })
})
