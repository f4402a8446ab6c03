import type { Environment } from '@tollgate/platform/config'
import type { StandaloneFile } from './data-folder'

/** A host of the first run. */
export interface PlannedHost {
  readonly name: string
  readonly region: string
  readonly provider: string
  readonly base_url: string
  readonly secret?: string
  /** Calls it works on at once; a simulated host has no such limit. */
  readonly max_parallel?: number
}

/** The demo fleet: each region another set of models, as a fleet would (product.md 3.2). */
const FLEET: Readonly<Record<string, readonly string[]>> = {
  'us-east': ['phi3', 'llama3.2', 'llama3.1:70b', 'mistral:7b', 'codellama:13b', 'tinyllama', 'qwen2.5:3b', 'qwen3:8b'],
  'eu-west': ['phi3', 'llama3.2', 'mistral:7b', 'codellama:13b', 'codellama:34b', 'granite-code:3b', 'qwen2.5:3b'],
  'asia-pacific': ['phi3', 'llama3.2', 'qwen2.5:3b', 'qwen3:8b', 'qwen3:14b', 'tinyllama'],
}

/** More calls at once than a demonstration makes. */
export const SANDBOX_PARALLEL = 1_000

/** Three sandbox hosts, one a region. They keep the ports they had, so that nothing moves between starts. */
export function sandboxHosts(before: StandaloneFile | null) {
  return Object.entries(FLEET).map(([region, models]) => {
    const name = `sandbox-${region}`
    const known = before?.hosts.find((host) => host.name === name)
    return { name, region, dialect: 'ollama' as const, models: [...models], announce: true, port: known ? Number(new URL(known.base_url).port) : 0 }
  })
}

/** Cloud accounts whose keys the environment gives. They serve once their models have prices. */
export function cloudHosts(config: Environment): PlannedHost[] {
  const hosts: PlannedHost[] = []
  if (config.OPENAI_API_KEY) hosts.push({ name: 'openai', region: 'us-east', provider: 'openai', base_url: 'https://api.openai.com/v1', secret: config.OPENAI_API_KEY })
  if (config.OPENROUTER_API_KEY) hosts.push({ name: 'openrouter', region: 'us-east', provider: 'openrouter', base_url: 'https://openrouter.ai/api/v1', secret: config.OPENROUTER_API_KEY })
  if (config.ANTHROPIC_API_KEY) hosts.push({ name: 'anthropic', region: 'us-east', provider: 'anthropic', base_url: 'https://api.anthropic.com/v1', secret: config.ANTHROPIC_API_KEY })
  return hosts
}
