import { withAdvice } from '../chat/advice'
import { Conversation, type ChatSettings } from '../chat/conversation'
import type { Call, Command } from '../command'
import { CliError, EXIT, UsageError } from '../terminal'

export const chat: Command = {
  name: 'chat',
  args: ['[text...]'],
  summary: 'ask a model; without a text a chat at the terminal, or what standard input holds',
  options: {
    model: { type: 'string', short: 'm', summary: 'model or alias; otherwise the default' },
    system: { type: 'string', summary: 'what the model is told first' },
    temperature: { type: 'string', summary: '0 to 2' },
    'max-tokens': { type: 'string', summary: 'longest answer' },
    project: { type: 'string', summary: 'project or department it counts to' },
  },
  async run(call) {
    const { args, options, gateway, terminal } = call
    const conversation = new Conversation(gateway, textOf(options.model) ?? null, settingsOf(options))
    if (args.length > 0) return once(call, conversation, args.join(' '))
    if (!terminal.stdin.isTTY || options.json === true) return once(call, conversation, (await inputOf(terminal.stdin)).trim())
    const { modelsOf, find } = await import('../chat/known-models')
    const { InteractiveChat } = await import('../chat/interactive')
    const { models, default_model: preset } = await modelsOf(gateway)
    const current = conversation.model === null ? (preset ?? null) : (find(models, conversation.model)?.name ?? conversation.model)
    await new InteractiveChat(terminal, gateway, conversation, current).run()
    return undefined
  },
}

/** One question: its answer on standard output as it comes, warnings beside it. */
async function once({ options, gateway, terminal, show }: Call, conversation: Conversation, text: string): Promise<number | void> {
  if (text === '') throw new UsageError('there is no text to send. Give it as an argument, on standard input, or start a chat at a terminal.')
  const stop = new AbortController()
  const release = terminal.onInterrupt?.(() => stop.abort())
  try {
    const answer = await conversation.ask(text, (part) => void (options.json || terminal.stdout.write(part)), stop.signal)
    if (options.json) return show(answer, '')
    terminal.stdout.write(answer.response.endsWith('\n') ? '' : '\n')
    for (const warning of answer.warnings ?? []) terminal.stderr.write(`tollgate: ${warning}\n`)
  } catch (error) {
    if (!stop.signal.aborted) throw await withAdvice(error, conversation.model, gateway)
    terminal.stderr.write('\n(stopped)\n')
    return EXIT.interrupted
  } finally {
    release?.()
  }
}

function settingsOf(options: Call['options']): ChatSettings {
  const number = (name: string) => {
    const value = Number(options[name])
    if (!Number.isFinite(value)) throw new UsageError(`--${name} must be a number, not "${String(options[name])}".`)
    return value
  }
  return {
    ...(options.system === undefined ? {} : { system: String(options.system) }),
    ...(options.temperature === undefined ? {} : { temperature: number('temperature') }),
    ...(options['max-tokens'] === undefined ? {} : { max_tokens: number('max-tokens') }),
    ...(options.project === undefined ? {} : { project: String(options.project) }),
  }
}

async function inputOf(stdin: NodeJS.ReadableStream): Promise<string> {
  let text = ''
  stdin.setEncoding('utf8')
  try {
    for await (const chunk of stdin) text += chunk
  } catch (error) {
    throw new CliError(`Standard input cannot be read: ${(error as Error).message}.`)
  }
  return text
}

function textOf(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
