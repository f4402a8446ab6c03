import { withAdvice } from '../chat/advice'
import { Conversation, type Answer } from '../chat/conversation'
import { listing, modelsOf } from '../chat/known-models'
import type { Command } from '../command'
import { text } from '../option-values'
import { CliError } from '../terminal'

const MODELS_ASKED = 3

export const demo: Command = {
  name: 'demo',
  args: [],
  summary: 'list the models and ask the first three the same question',
  options: { question: { type: 'string', summary: 'what they are asked' } },
  async run({ options, gateway, terminal, show }) {
    const { models, default_model: preset } = await modelsOf(gateway)
    if (models.length === 0) throw new CliError('No model is available to this key. An operator pulls one: tollgate models pull llama3.2')
    const question = text(options, 'question') ?? 'In one sentence: what is a tollgate?'
    const print = (line: string) => void (options.json === true || terminal.stdout.write(line))
    print(`${listing(models, preset ?? null)}\n\nQuestion: ${question}\n`)
    const answers: Answer[] = []
    for (const { name } of models.slice(0, MODELS_ASKED)) {
      print(`\n${name}: `)
      const answer = await new Conversation(gateway, name, {}).ask(question, print, new AbortController().signal).catch(async (error) => Promise.reject(await withAdvice(error, name, gateway)))
      answers.push(answer)
      print(`\n  ${answer.usage.completion_tokens} tokens in ${answer.duration_ms} ms on ${answer.host}, ${answer.usage.cost} ${answer.usage.currency}\n`)
    }
    if (options.json === true) show({ models: models.map(({ name }) => name), question, answers }, '')
  },
}
