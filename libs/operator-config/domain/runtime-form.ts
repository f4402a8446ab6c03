import { canonicalModel } from '@tollgate/kernel'
import type { Entry, Path } from './entry'

/** One of `runtime.models[]`, after its schema. */
export interface RuntimeModel {
  readonly name: string
  readonly description?: string | undefined
  readonly provider: string
  readonly model: string
  readonly base_url?: string | undefined
  readonly api_key?: string | undefined
  readonly region?: string | undefined
  readonly default?: boolean | undefined
  readonly model_api_parameters?: Readonly<Record<string, unknown>> | undefined
  readonly prompt?: string | undefined
  /** Models that are asked when this one fails, by their names here or elsewhere. */
  readonly fallbacks?: readonly string[] | undefined
  /** Of `mcp.servers`, by name. */
  readonly mcp_servers?: readonly string[] | undefined
}

/** Hosts that are there already, as far as they matter here. */
export interface KnownHost {
  readonly name: string
  readonly provider: string
  readonly base_url: string
  readonly region: string
}

/** What runtime models stand for: entries of the other sections. */
export interface Translated {
  readonly models: readonly Entry[]
  readonly hosts: readonly Entry[]
  readonly aliases: readonly Entry[]
  readonly faults: readonly { readonly path: Path; readonly message: string }[]
}

/** Where a provider is when nobody says it. */
const ADDRESSES: Readonly<Record<string, string>> = {
  ollama: 'http://127.0.0.1:11434',
  openai: 'https://api.openai.com/v1',
  openrouter: 'https://openrouter.ai/api/v1',
  anthropic: 'https://api.anthropic.com/v1',
}

/**
 * A runtime model is three things here: a catalogue entry with its parameters and prompt, the host it is on, and an
 * alias, which is the name it is called by.
 * @param region where hosts are that say no region; null = it has to be said
 */
export function translate(entries: readonly { readonly value: RuntimeModel; readonly path: Path }[], known: { readonly hosts: readonly KnownHost[]; readonly region: string | null }): Translated {
  const [models, hosts] = [new Map<string, Entry>(), new Map<string, Entry>()]
  const aliases: Entry[] = []
  const faults: { path: Path; message: string }[] = []
  for (const { value, path } of entries) {
    const model = modelEntry(value, path, entries)
    const twin = models.get(canonicalModel(value.model))
    if (twin && JSON.stringify(twin.value) !== JSON.stringify(model.value)) faults.push({ path: [...path, 'model'], message: `is also the model of ${twin.path.join('.')}, which says other things about it` })
    models.set(canonicalModel(value.model), model)
    const host = hostEntry(value, path, known)
    if ('message' in host) faults.push(host)
    else if (host.entry) {
      const other = hosts.get(String(host.entry.value.name))
      if (other && JSON.stringify(other.value) !== JSON.stringify(host.entry.value)) faults.push({ path: [...path, 'base_url'], message: `is also the address of ${other.path.join('.')}, with another key or region` })
      hosts.set(String(host.entry.value.name), host.entry)
    }
    if (canonicalModel(value.name) !== canonicalModel(value.model)) aliases.push({ value: { name: value.name, target: targetOf(value) }, path, names: { target: 'model' } })
  }
  return { models: [...models.values()], hosts: [...hosts.values()], aliases, faults }
}

/** What a runtime model is called by others: its model, with the provider in front where that is not an Ollama. */
export function targetOf({ provider, model }: RuntimeModel): string {
  return provider === 'ollama' ? model : `${provider}:${model}`
}

function modelEntry({ model, description, model_api_parameters: parameters, prompt, fallbacks: others, mcp_servers }: RuntimeModel, path: Path, entries: readonly { readonly value: RuntimeModel }[]): Entry {
  const fallbacks = others?.map((name) => entries.find(({ value }) => value.name === name)?.value.model ?? name)
  const fields = { name: model, description, parameters, prompt, fallbacks, mcp_servers }
  return { value: Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== undefined)), path, names: { name: 'model', parameters: 'model_api_parameters' } }
}

/** The host of an address; none is needed when the provider has one already and nothing is said of it. */
function hostEntry({ provider, base_url: said, api_key: secret, region: wanted }: RuntimeModel, path: Path, { hosts, region: preset }: { hosts: readonly KnownHost[]; region: string | null }): { readonly entry: Entry | null } | { readonly path: Path; readonly message: string } {
  if (said === undefined && secret === undefined && hosts.some((host) => host.provider === provider)) return { entry: null }
  const address = said ?? ADDRESSES[provider]
  if (address === undefined) return { path: [...path, 'provider'], message: `has no host yet, and base_url does not say where ${provider} is` }
  // Ollama is spoken to by its own API, which is beside the one that ends in /v1.
  const baseUrl = provider === 'ollama' ? address.replace(/\/v1\/?$/, '') : address.replace(/\/$/, '')
  const there = hosts.find((host) => host.provider === provider && host.base_url.replace(/\/$/, '') === baseUrl)
  const region = wanted ?? there?.region ?? preset
  if (region === null) return { path, message: 'needs a region: say it here, or as runtime.default_region' }
  return { entry: { value: { name: there?.name ?? nameOf(provider, baseUrl), region, provider, base_url: baseUrl, ...(secret === undefined ? {} : { secret }) }, path, names: { name: 'base_url', secret: 'api_key' } } }
}

function nameOf(provider: string, baseUrl: string): string {
  const { hostname, port } = URL.canParse(baseUrl) ? new URL(baseUrl) : { hostname: 'address', port: '' }
  return [provider, hostname.replace(/[^a-z0-9.-]/g, ''), port].filter(Boolean).join('-').slice(0, 63)
}
