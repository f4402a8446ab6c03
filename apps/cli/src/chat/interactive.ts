import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import type { Gateway } from '../gateway'
import { suggestion } from '../nearest'
import { CliError, type Terminal } from '../terminal'
import { withAdvice } from './advice'
import type { Conversation } from './conversation'
import { find, listing, modelsOf } from './known-models'

const HELP = `  /model <name>  go on with another model; what was said stays
  /models        what you may use, and the aliases
  /clear         forget what was said (clear does too)
  /quit          leave (quit, exit or Ctrl-D do too)
  /help          this
Ctrl-C stops an answer; a second one leaves.
`

/** A chat at a terminal, until its user leaves. */
export class InteractiveChat {
  private readonly lines: Interface
  private readonly waiting: string[] = []
  private readonly told = new Set<string>()
  private wake: (() => void) | null = null
  private answering: AbortController | null = null
  private hasLeft = false
  private wasInterrupted = false

  /** @param current the model that answers, as far as it is known */
  constructor(
    private readonly terminal: Terminal,
    private readonly gateway: Gateway,
    private readonly conversation: Conversation,
    private current: string | null,
  ) {
    this.lines = createInterface({ input: terminal.stdin, output: this.quietWhileAnswering(), terminal: true })
    this.lines.on('line', (line) => {
      this.waiting.push(line)
      this.wake?.()
    })
    this.lines.on('SIGINT', () => this.interrupt())
    this.lines.on('close', () => {
      // By Ctrl-C or Ctrl-D: nobody pressed Enter.
      if (!this.hasLeft) this.print('\n')
      this.hasLeft = true
      this.answering?.abort()
      this.wake?.()
    })
  }

  /** Asks and answers until the user leaves. */
  async run(): Promise<void> {
    this.print(`Tollgate at ${this.gateway.address}. /help lists the commands.\n\n`)
    for (let line = await this.next(); line !== null; line = await this.next()) {
      this.wasInterrupted = false
      await this.take(line.trim()).catch(async (error: unknown) => this.report(error))
    }
    this.lines.close()
  }

  private async take(line: string): Promise<void> {
    const [word = '', ...rest] = line.split(/\s+/)
    if (line === '') return
    if (['/quit', '/exit', 'quit', 'exit'].includes(line)) this.hasLeft = true
    else if (line === '/clear' || line === 'clear') this.clear()
    else if (word === '/help') this.print(HELP)
    else if (word === '/models') this.print(`${listing((await modelsOf(this.gateway)).models, this.current)}\n`)
    else if (word === '/model') await this.switchTo(rest.join(' '))
    else if (/^\/[a-z]+$/.test(word)) this.print(`There is no command ${word}. /help lists them.\n`)
    else await this.answer(line)
  }

  private clear(): void {
    this.conversation.clear()
    this.print('Conversation cleared\n')
  }

  private async switchTo(name: string): Promise<void> {
    if (name === '') return this.print('Which model? Type /model <name>; /models lists them.\n')
    const { models } = await modelsOf(this.gateway)
    const model = find(models, name)
    if (!model) return this.print(`Model '${name}' is not one of yours.${suggestion(name, models.flatMap((known) => [known.name, ...known.aliases]))} /models lists them.\nAn operator pulls a new one: tollgate models pull ${name}\n`)
    this.print(`Switching from ${this.current ?? 'the default'} to ${model.name}...\n`)
    this.conversation.model = this.current = model.name
    this.print(`Switched to model: ${model.name}\nConversation context preserved\n`)
  }

  private async answer(message: string): Promise<void> {
    this.answering = new AbortController()
    try {
      this.print('Assistant: ')
      const answer = await this.conversation.ask(message, (text) => this.print(text), this.answering.signal)
      this.current = answer.model
      this.print('\n')
      for (const warning of answer.warnings ?? []) this.warn(warning)
    } finally {
      this.answering = null
    }
    this.print('\n')
  }

  /** Says each warning once: some come with every answer. */
  private warn(warning: string): void {
    if (!this.told.has(warning)) this.print(`(${warning})\n`)
    this.told.add(warning)
  }

  private async report(error: unknown): Promise<void> {
    if ((error as Error).name === 'AbortError') return this.print('\n(stopped)\n\n')
    const told = await withAdvice(error, this.conversation.model, this.gateway)
    if (!(told instanceof CliError)) throw told
    this.print(`\n${told.message}\n\n`)
  }

  private interrupt(): void {
    if (this.answering) this.answering.abort()
    else if (this.wasInterrupted) return this.lines.close()
    else {
      this.print('\n(Ctrl-C again leaves, and so does /quit)\n')
      this.prompt()
    }
    this.wasInterrupted = true
  }

  /** The next line; null = the user has left. Lines typed during an answer wait their turn. */
  private async next(): Promise<string | null> {
    while (this.waiting.length === 0 && !this.hasLeft) {
      this.prompt()
      await new Promise<void>((resolve) => (this.wake = resolve))
    }
    return this.hasLeft ? null : this.waiting.shift()!
  }

  private prompt(): void {
    this.lines.setPrompt(`You (${this.current ?? 'default'}): `)
    this.lines.prompt(true)
  }

  private print(text: string): void {
    this.terminal.stdout.write(text)
  }

  /** Where readline echoes keys: nowhere while an answer is being written, or they would stand inside it. */
  private quietWhileAnswering(): Writable {
    const { stdout } = this.terminal
    const write = (chunk: Buffer, _encoding: string, done: () => void) => {
      if (!this.answering) stdout.write(chunk.toString())
      done()
    }
    return Object.defineProperty(new Writable({ write }), 'columns', { get: () => stdout.columns })
  }
}
