import { withAdvice } from '../chat/advice'
import { Conversation } from '../chat/conversation'
import type { Command } from '../command'
import { text, whole } from '../option-values'
import { table } from '../table'
import { UsageError } from '../terminal'

interface Run {
  readonly first_token_ms: number | null
  readonly total_ms: number
  readonly tokens: number
  readonly tokens_per_second: number
  readonly cost: string
}

const MOST_RUNS = 100

export const modelsBench: Command = {
  name: 'models bench',
  args: ['<model>'],
  summary: 'ask a model a few times, one after the other, and measure: time to the first token, tokens a second, cost',
  options: {
    runs: { type: 'string', short: 'n', summary: 'how often (3)' },
    prompt: { type: 'string', summary: 'what is asked' },
    'max-tokens': { type: 'string', summary: 'longest answer (128)' },
  },
  async run({ args, options, gateway, show }) {
    const count = whole(options, 'runs') ?? 3
    if (count > MOST_RUNS) throw new UsageError(`--runs must be at most ${MOST_RUNS}: every run is billed.`)
    const prompt = text(options, 'prompt') ?? 'Explain in about a hundred words how a tide comes about.'
    const runs: Run[] = []
    for (let i = 0; i < count; i++) runs.push(await once(new Conversation(gateway, args[0]!, { max_tokens: whole(options, 'max-tokens') ?? 128 }), prompt).catch(async (error) => Promise.reject(await withAdvice(error, args[0]!, gateway))))
    const median = { first_token_ms: medianOf(runs.flatMap(({ first_token_ms: ms }) => ms ?? [])), total_ms: medianOf(runs.map(({ total_ms: ms }) => ms)), tokens_per_second: medianOf(runs.map(({ tokens_per_second: rate }) => rate)) }
    const rows = runs.map((run, i) => [String(i + 1), String(run.first_token_ms ?? ''), String(run.total_ms), String(run.tokens), String(run.tokens_per_second), run.cost])
    show({ model: args[0], runs, median }, table(['RUN', 'FIRST ms', 'TOTAL ms', 'TOKENS', 'TOKENS/s', 'COST'], [...rows, ['median', String(median.first_token_ms ?? ''), String(median.total_ms), '', String(median.tokens_per_second), '']]))
  },
}

async function once(conversation: Conversation, prompt: string): Promise<Run> {
  const startedAt = performance.now()
  let firstAt: number | null = null
  const answer = await conversation.ask(prompt, () => void (firstAt ??= performance.now()), new AbortController().signal)
  const endedAt = performance.now()
  const tokens = answer.usage.completion_tokens
  const writingMs = endedAt - (firstAt ?? startedAt)
  return { first_token_ms: firstAt === null ? null : Math.round(firstAt - startedAt), total_ms: Math.round(endedAt - startedAt), tokens, tokens_per_second: Math.round((tokens / Math.max(1, writingMs)) * 10_000) / 10, cost: answer.usage.cost }
}

function medianOf(values: readonly number[]): number | null {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? null
}
