// Writes list prices of common cloud models as rows of a migration, from genai-prices (MIT, github.com/pydantic/genai-prices).
//   node scripts/price-seed.mjs <prices/data.json of a checkout> <date of the commit, 2026-08-21> <commit> > rows.sql
// Rows are never edited, so a refresh is a new migration with the rows it prints: a later effective_at supersedes
// (libs/catalog/README.md). Models priced by prompt length or time of day are refused: one row cannot say their price.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** Models by provider id (ours and theirs are the same), by the name under which the provider lists them. */
const WANTED = {
  openai: 'gpt-3.5-turbo gpt-4-turbo gpt-4.1 gpt-4.1-mini gpt-4.1-nano gpt-4o gpt-4o-mini gpt-5 gpt-5-mini gpt-5-nano gpt-5.1 gpt-5.2 gpt-5.4-mini gpt-5.4-nano gpt-5.5 o1 o3 o3-mini o4-mini',
  anthropic: 'claude-haiku-4-5 claude-opus-4-1 claude-opus-4-5 claude-opus-4-6 claude-opus-4-7 claude-opus-4-8 claude-opus-5 claude-sonnet-4-0 claude-sonnet-4-6 claude-sonnet-5',
  google: 'gemini-2.0-flash gemini-2.0-flash-lite gemini-2.5-flash gemini-2.5-flash-lite gemini-3-flash-preview gemini-3.1-flash-lite gemini-3.5-flash gemini-3.5-flash-lite gemini-3.6-flash',
  mistral: 'codestral-2508 devstral-2512 ministral-14b-2512 ministral-3b-2512 mistral-large-2512 mistral-small-2603 mistral-small-latest',
  deepseek: 'deepseek-v4-flash deepseek-v4-pro',
  groq: 'llama-3.1-8b-instant llama-3.3-70b-versatile meta-llama/llama-4-maverick-17b-128e-instruct meta-llama/llama-4-scout-17b-16e-instruct moonshotai/kimi-k2-instruct openai/gpt-oss-120b openai/gpt-oss-20b qwen/qwen3-32b',
  openrouter:
    'anthropic/claude-haiku-4.5 anthropic/claude-opus-4.8 anthropic/claude-opus-5 anthropic/claude-sonnet-4.6 anthropic/claude-sonnet-5 deepseek/deepseek-r1-0528 deepseek/deepseek-v4-flash deepseek/deepseek-v4-pro google/gemma-3-27b-it meta-llama/llama-3.3-70b-instruct meta-llama/llama-4-maverick meta-llama/llama-4-scout openai/gpt-4.1 openai/gpt-4.1-mini openai/gpt-4o-mini openai/gpt-5 openai/gpt-5-mini openai/gpt-5.5 openai/gpt-oss-120b qwen/qwen3-32b qwen/qwen3-coder qwen/qwen3-max x-ai/grok-4.3 z-ai/glm-4.7',
}
/** Their classes that we have; a model with any other kind of text price is refused. Audio is not sold here. */
const CLASSES = ['input_mtok', 'output_mtok', 'cache_read_mtok', 'cache_write_mtok']

const [path, date, commit] = process.argv.slice(2)
if (!path || !/^\d{4}-\d{2}-\d{2}$/.test(date ?? '') || !commit) throw new Error('usage: node scripts/price-seed.mjs <data.json> <date> <commit>')
const providers = JSON.parse(readFileSync(path, 'utf8'))
const source = `genai-prices ${date} ${commit.slice(0, 12)}`
const rows = Object.entries(WANTED).flatMap(([provider, names]) => names.split(' ').flatMap((name) => rowsOf(provider, name)))
process.stdout.write(`-- source: ${source}\n${rows.map((row) => `  (${row.join(', ')})`).join(',\n')}\n`)

/** The row in force on the date, and every later one that is already announced. */
function rowsOf(provider, name) {
  const model = providers.find(({ id }) => id === provider)?.models.find(({ id }) => id === name)
  if (!model) throw new Error(`${provider} ${name} is not in the data`)
  const dated = (Array.isArray(model.prices) ? model.prices : [model]).map(({ constraint, prices }) => {
    const { start_date: startDate, ...others } = constraint ?? {}
    if (Object.keys(others).length > 0) throw new Error(`${provider} ${name} has a price by ${Object.keys(others)}`)
    return { from: startDate ?? '', prices }
  })
  const now = dated.findLast(({ from }) => from <= date)
  return [{ ...now, from: date }, ...dated.filter(({ from }) => from > date)].map(({ from, prices }) => {
    const odd = Object.keys(prices).filter((name) => !CLASSES.includes(name) && !name.includes('audio'))
    if (odd.length > 0) throw new Error(`${provider} ${name} has ${odd}`)
    const amounts = CLASSES.map((unit) => amountOf(prices[unit], `${provider} ${name} ${unit}`))
    return [`'${idOf(provider, name, from)}'`, `'${provider}'`, `'${name}'`, `'${from}'`, ...amounts]
  })
}

/** A price per million as decimal text; SQL multiplies it to pico a token. */
function amountOf(value, what) {
  if (value === undefined) return 'NULL'
  if (typeof value !== 'number' || !/^\d{1,7}(\.\d{1,6})?$/.test(String(value))) throw new Error(`${what} is not one price of at most six decimals: ${JSON.stringify(value)}`)
  return String(value)
}

/** Same facts, same id: version 7 in form, its time the date of the facts. */
function idOf(...facts) {
  const time = Date.parse(facts.at(-1)).toString(16).padStart(12, '0')
  const hash = createHash('sha256').update([...facts, source].join('|')).digest('hex')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hash.slice(0, 3)}-8${hash.slice(3, 6)}-${hash.slice(6, 18)}`
}
