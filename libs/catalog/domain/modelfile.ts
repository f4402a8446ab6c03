/** What a Modelfile says, in the names of Ollama's create call. */
export interface Modelfile {
  /** The model this one is made from. */
  readonly from: string
  readonly template: string | null
  readonly system: string | null
  readonly license: readonly string[]
  readonly parameters: Readonly<Record<string, ParameterValue>>
  readonly messages: readonly ModelfileMessage[]
  /** Oldest server version that can run it. */
  readonly requires: string | null
}

/** A message the model is made to remember, as its prompt begins. */
export interface ModelfileMessage {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

export type ParameterValue = number | boolean | string | readonly string[]

/** What is wrong in a Modelfile. `line` counts from 1 and is where the instruction begins; 0 = the file as a whole. */
export interface ModelfileFault {
  readonly line: number
  readonly message: string
}

export type ModelfileReading = { readonly kind: 'modelfile'; readonly modelfile: Modelfile } | { readonly kind: 'faulty'; readonly faults: readonly ModelfileFault[] }

/** Parameters of Ollama's create and options, by the JSON type it takes. Ollama keeps an unknown name and ignores it: a typing error would never be seen. */
const PARAMETERS: Readonly<Partial<Record<string, 'whole' | 'number' | 'flag' | 'list'>>> = {
  __proto__: null as never,
  num_ctx: 'whole', num_batch: 'whole', num_gpu: 'whole', main_gpu: 'whole', num_thread: 'whole', draft_num_predict: 'whole', use_mmap: 'flag',
  num_keep: 'whole', num_predict: 'whole', seed: 'whole', top_k: 'whole', repeat_last_n: 'whole',
  temperature: 'number', top_p: 'number', min_p: 'number', typical_p: 'number', repeat_penalty: 'number', presence_penalty: 'number', frequency_penalty: 'number',
  stop: 'list',
}
const ROLES = ['system', 'user', 'assistant']
const INSTRUCTION = /^\s*([A-Za-z]+)(?:[ \t]+(.*))?$/
const FILE_FORM = /^[./~\\]|^[A-Za-z]:\\|\.(gguf|safetensors|bin)$/i
const MODEL_FORM = /^[\w][\w.-]*(\/[\w][\w.-]*)?(:[\w][\w.-]*)?$/

/**
 * Reads a Modelfile (Ollama's reference, its parser's way with quotes): instructions in any case, `#` comments between
 * them, values bare, in `"` or in `"""`, where quoted ones may run over lines. The last FROM, SYSTEM, TEMPLATE, REQUIRES
 * and parameter wins; stop, LICENSE and MESSAGE add up. Files (FROM ./x.gguf, ADAPTER) and registry hosts are refused:
 * hosts make models from models they hold. Gives every fault at once. Pure.
 */
export function readModelfile(text: string): ModelfileReading {
  const faults: ModelfileFault[] = []
  const draft = { from: null as string | null, template: null as string | null, system: null as string | null, license: [] as string[], parameters: {} as Record<string, ParameterValue>, messages: [] as ModelfileMessage[], requires: null as string | null }
  for (const instruction of instructions(text, faults)) {
    const { line } = instruction
    const fault = apply(draft, instruction)
    if (fault) faults.push({ line, message: fault })
  }
  if (draft.from === null && !faults.some(({ message }) => message.startsWith('FROM'))) faults.push({ line: 0, message: 'there is no FROM: name the model this one is made from, e.g. FROM llama3.2' })
  if (faults.length > 0) return { kind: 'faulty', faults }
  return { kind: 'modelfile', modelfile: { ...draft, from: draft.from! } }
}

/** The body of Ollama's `POST /api/create` for this file: its server ignores a Modelfile sent as text. */
export function createBody(name: string, { from, template, system, license, parameters, messages, requires }: Modelfile): Record<string, unknown> {
  return {
    model: name,
    from,
    ...(template !== null && { template }),
    ...(system !== null && { system }),
    ...(license.length > 0 && { license }),
    ...(Object.keys(parameters).length > 0 && { parameters }),
    ...(messages.length > 0 && { messages }),
    ...(requires !== null && { requires }),
  }
}

/** One instruction of the file; `word` is a parameter's name or a message's role, else empty. */
interface Instruction {
  readonly line: number
  readonly name: string
  readonly word: string
  readonly value: string
}

type Draft = { -readonly [Field in keyof Omit<Modelfile, 'from' | 'license' | 'messages' | 'parameters'>]: Modelfile[Field] } & { from: string | null; license: string[]; parameters: Record<string, ParameterValue>; messages: ModelfileMessage[] }

/** Takes one instruction into the draft. @returns what is wrong with it, or null */
function apply(draft: Draft, { name, word, value }: Instruction): string | null {
  switch (name) {
    case 'FROM':
      draft.from = value
      return fromFault(value)
    case 'TEMPLATE':
      draft.template = value
      return null
    case 'SYSTEM':
      draft.system = value
      return null
    case 'LICENSE':
      draft.license.push(value)
      return null
    case 'REQUIRES':
      draft.requires = value
      return /^v?\d+(\.\d+){0,2}$/.test(value) ? null : `REQUIRES takes a version such as 0.12.0, not "${clip(value)}"`
    case 'PARAMETER':
      return applyParameter(draft, word, value)
    case 'MESSAGE':
      return applyMessage(draft, word, value)
    case 'ADAPTER':
      return 'ADAPTER takes a file, and files cannot be sent to hosts; make the model on a host and pull it'
    default:
      return `${clip(name)} is no instruction; known are FROM, PARAMETER, TEMPLATE, SYSTEM, ADAPTER, LICENSE, MESSAGE, REQUIRES`
  }
}

function applyParameter(draft: Draft, word: string, value: string): string | null {
  const name = word.toLowerCase()
  const type = PARAMETERS[name]
  if (!type) return `PARAMETER ${clip(word)} is not known; known are ${Object.keys(PARAMETERS).join(', ')}`
  if (value === '') return `PARAMETER ${name} has no value`
  if (type === 'list') {
    draft.parameters[name] = [...((draft.parameters[name] as string[] | undefined) ?? []), value]
    return null
  }
  const parsed = type === 'flag' ? flag(value) : /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value) ? Number(value) : null
  if (parsed === null || (type === 'whole' && !Number.isSafeInteger(parsed))) return `PARAMETER ${name} takes ${type === 'flag' ? 'true or false' : `a ${type === 'whole' ? 'whole ' : ''}number`}, not "${clip(value)}"`
  draft.parameters[name] = parsed
  return null
}

function applyMessage(draft: Draft, word: string, content: string): string | null {
  const role = word.toLowerCase()
  if (!ROLES.includes(role)) return `MESSAGE begins with a role: system, user or assistant, not "${clip(word)}"`
  if (content === '') return `MESSAGE ${role} has no text`
  draft.messages.push({ role: role as ModelfileMessage['role'], content })
  return null
}

function fromFault(value: string): string | null {
  if (FILE_FORM.test(value)) return `FROM names the file "${clip(value)}"; files cannot be sent to hosts: name a model, e.g. FROM llama3.2`
  if (MODEL_FORM.test(value)) return null
  return `FROM takes the name of a model without a registry's host, e.g. llama3.2:3b, not "${clip(value)}"`
}

/**
 * Instructions with their values, quotes taken off. What a value opens is closed where a line ends with the same mark, as
 * Ollama's parser has it: quotes within a line are text.
 */
function* instructions(text: string, faults: ModelfileFault[]): Generator<Instruction> {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  for (let at = 0; at < lines.length; at++) {
    if (/^\s*(#|$)/.test(lines[at]!)) continue
    const line = at + 1
    const match = INSTRUCTION.exec(lines[at]!)
    if (!match) {
      faults.push({ line, message: `this line begins with no instruction: "${clip(lines[at]!.trim())}"` })
      continue
    }
    const name = match[1]!.toUpperCase()
    const hasWord = name === 'PARAMETER' || name === 'MESSAGE'
    const [word, first] = hasWord ? split(match[2] ?? '') : ['', match[2] ?? '']
    const mark = /^("""|")?/.exec(first)![0]
    const told = [first]
    let isOpen = mark !== '' && (first.trimEnd().length < 2 * mark.length || !first.trimEnd().endsWith(mark))
    while (isOpen && at + 1 < lines.length) {
      told.push(lines[++at]!)
      isOpen = !lines[at]!.trimEnd().endsWith(mark)
    }
    if (isOpen) {
      faults.push({ line, message: `${name} opens ${mark === '"' ? 'a quote' : mark} that is never closed` })
      return
    }
    const value = told.join('\n').trimEnd().slice(mark.length, -mark.length || undefined)
    if (value === '' && !hasWord && name !== 'SYSTEM' && name !== 'TEMPLATE') faults.push({ line, message: `${name} has no value` })
    else yield { line, name, word, value }
  }
}

/** First word, and the rest without the space between. */
function split(text: string): [string, string] {
  const at = text.search(/[ \t]/)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at).trimStart()]
}

function flag(value: string): boolean | null {
  return value.toLowerCase() === 'true' ? true : value.toLowerCase() === 'false' ? false : null
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
