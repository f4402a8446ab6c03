import { targetOf, translate, type Entry, type KnownHost } from '@tollgate/operator-config'
import type { ConfigShape } from '../routes/config/config.schema'
import type { Draft } from './draft'

type Path = Entry['path']

/** Entries of every section, those that `runtime.models[]` stands for among them. */
export interface Sections {
  readonly models: readonly Entry[]
  readonly hosts: readonly Entry[]
  /** With the models of the file that name each. */
  readonly prompts: readonly (Entry & { readonly heardBy: readonly string[] })[]
  readonly tiers: readonly Entry[]
  readonly aliases: readonly Entry[]
  readonly prices: readonly Entry[]
  readonly tenants: readonly Entry[]
}

/** The region of hosts that say none, as on a first run. */
const REGION_OF_CHOICE = 'us-east'

/** Sections of a file. */
export function sectionsOf(draft: Draft, shape: ConfigShape, known: { hosts: readonly KnownHost[]; regions: ReadonlySet<string> }): Sections {
  const heard = new Map((shape.prompts ?? []).map(({ name }) => [name, [] as string[]]))
  /** A prompt of one word is the name of one; of several words it is the text itself. */
  const withPrompt = <T extends { prompt?: unknown }>(value: T, model: unknown, path: Path): T => {
    const { prompt, ...rest } = value
    if (typeof prompt !== 'string' || /\s/.test(prompt)) return value
    const models = heard.get(prompt)
    if (!models) draft.faultAt([...path, 'prompt'], `${prompt} is not one of prompts; a prompt of several words is taken as it is written`)
    models?.push(String(model))
    return rest as T
  }
  const runtime = (shape.runtime?.models ?? []).map((value, i) => ({ value: withPrompt(value, value.model, ['runtime', 'models', i]), path: ['runtime', 'models', i] }))
  const preset = shape.runtime?.default_region ?? (known.regions.has(REGION_OF_CHOICE) ? REGION_OF_CHOICE : null)
  const translated = translate(runtime, { hosts: known.hosts, region: preset })
  for (const { path, message } of translated.faults) draft.faultAt(path, message)
  const models = entriesOf(shape.models, 'models').map((entry) => ({ ...entry, value: withPrompt(entry.value, entry.value.name, entry.path) }))
  judgeServers(draft, shape, [...models, ...translated.models])
  return {
    models: [...models, ...translated.models],
    hosts: [...entriesOf(shape.hosts, 'hosts'), ...translated.hosts],
    prompts: promptEntries(shape, heard),
    tiers: entriesOf(shape.tiers, 'tiers'),
    aliases: [...aliasEntries(shape.aliases), ...translated.aliases, ...defaultEntry(draft, shape)],
    prices: entriesOf(shape.prices, 'prices'),
    tenants: entriesOf(shape.tenants, 'tenants'),
  }
}

/**
 * Servers are read by gateways, from their own copy of this file, and never stored. A file that says which there are is
 * held to it: a model that names another is a fault.
 */
function judgeServers(draft: Draft, { mcp }: ConfigShape, models: readonly Entry[]): void {
  const names = mcp?.servers?.map(({ name }) => name)
  if (!names) return
  for (const entry of models) {
    const wanted: unknown = entry.value.mcp_servers
    for (const [i, name] of (Array.isArray(wanted) ? wanted : []).entries()) if (!names.includes(String(name))) draft.fault(entry, ['mcp_servers', i], `names ${String(name)}, which is not one of mcp.servers`)
  }
}

function entriesOf(section: readonly Record<string, unknown>[] | null | undefined, name: string): Entry[] {
  return (section ?? []).map((value, i) => ({ value, path: [name, i] }))
}

function promptEntries({ prompts }: ConfigShape, heard: ReadonlyMap<string, readonly string[]>): Sections['prompts'] {
  return (prompts ?? []).map(({ content, messages, ...prompt }, i) => {
    const form = messages ? 'messages' : content === undefined ? 'text' : 'content'
    const text = prompt.text ?? content ?? messages!.map((message) => message.content).join('\n\n')
    return { value: { ...prompt, text }, path: ['prompts', i], names: { text: form }, heardBy: heard.get(prompt.name)! }
  })
}

function aliasEntries(aliases: ConfigShape['aliases']): Entry[] {
  if (Array.isArray(aliases)) return entriesOf(aliases, 'aliases')
  return Object.entries(aliases ?? {}).map(([name, target]) => ({ value: { name, target }, path: ['aliases', name], names: {} }))
}

/** The default, said in one place or in several that agree, as the alias it is. */
function defaultEntry(draft: Draft, { default_model: ofFile, runtime }: ConfigShape): Entry[] {
  const models = runtime?.models ?? []
  const targetFor = (name: string) => {
    const model = models.find((known) => known.name === name)
    return model ? targetOf(model) : name
  }
  const said = [
    ...(ofFile === undefined ? [] : [{ target: targetFor(ofFile), path: ['default_model'] as Path }]),
    ...(runtime?.default_model === undefined ? [] : [{ target: targetFor(runtime.default_model), path: ['runtime', 'default_model'] as Path }]),
    ...models.flatMap((model, i) => (model.default === true ? [{ target: targetOf(model), path: ['runtime', 'models', i, 'default'] as Path }] : [])),
  ]
  const [first, ...others] = said
  if (!first) return []
  for (const other of others) if (other.target !== first.target) draft.faultAt(other.path, `says that the default is ${other.target}, and ${first.path.join('.')} that it is ${first.target}`)
  return [{ value: { name: 'default', target: first.target }, path: first.path.slice(0, -1), names: { target: String(first.path.at(-1)), name: String(first.path.at(-1)) } }]
}
