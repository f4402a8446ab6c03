import { resolve } from 'node:path'
import { suggestion } from './nearest'
import { KeptFile, readJson, type Profile } from './kept'
import { CliError, EXIT, UsageError, type Terminal } from './terminal'

/** What `npm start` writes: its address, its operator and a key of each tenant. */
export interface StandaloneFile {
  readonly base_url: string
  readonly operator: { readonly email: string; readonly password: string }
  readonly tenants?: readonly { readonly tier: string; readonly api_key: string }[]
}

/** Where a command goes and as whom. */
export interface Connection {
  /** Address of the control plane. */
  readonly server: string
  /** Address of the data plane. */
  readonly gateway: string
  readonly apiKey: string | null
  /** Given for this run only: never kept, never renewed. */
  readonly token: string | null
  readonly profile: string | null
  readonly standalone: StandaloneFile | null
  readonly kept: KeptFile
}

type Given = Readonly<Record<string, string | boolean | undefined>>

const DEFAULT_ADDRESS = 'http://127.0.0.1:8080'

/**
 * Where to go: options, then the environment, then the profile, then the installation in this folder, then the last
 * log-in. A key and tokens only ever go to the address they were kept for.
 * @throws UsageError for what is no address, CliError for a profile that is not there
 */
export function connectionOf({ env, cwd }: Pick<Terminal, 'env' | 'cwd'>, options: Given): Connection {
  const kept = new KeptFile({ env, cwd })
  const { server: lastServer, profile: chosen, profiles = {} } = kept.read()
  const name = textOf(options.profile) ?? env.TOLLGATE_PROFILE ?? chosen ?? null
  const profile = name === null ? null : profileOf(name, profiles)
  const standalone = readJson<StandaloneFile>(resolve(cwd, env.TOLLGATE_DATA_DIR ?? '.tollgate', 'standalone.json'))
  const said = textOf(options.server) ?? env.TOLLGATE_URL
  const server = addressOf(said ?? profile?.server ?? standalone?.base_url ?? lastServer ?? DEFAULT_ADDRESS)
  const gateway = addressOf(textOf(options.gateway) ?? env.TOLLGATE_GATEWAY_URL ?? (said === undefined ? profile?.gateway : undefined) ?? server)
  const apiKey = textOf(options['api-key']) ?? env.TOLLGATE_API_KEY ?? keyFor(gateway, profile, standalone)
  return { server, gateway, apiKey, token: textOf(options.token) ?? env.TOLLGATE_TOKEN ?? null, profile: name, standalone, kept }
}

/** Scheme and host of an address, as tokens and keys are kept by. @throws UsageError */
export function addressOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') throw new UsageError(`"${text}" is no address such as http://127.0.0.1:8080.`)
  return url.origin
}

function profileOf(name: string, profiles: Readonly<Record<string, Profile>>): Profile {
  const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined
  if (!profile) throw new CliError(`There is no profile "${name}".${suggestion(name, Object.keys(profiles))} \`tollgate profile set ${name} --server <address>\` makes it.`, EXIT.notFound)
  return profile
}

/** The standard tenant's key stands for the installation in this folder, as in what `npm start` prints. */
function keyFor(gateway: string, profile: Profile | null, standalone: StandaloneFile | null): string | null {
  if (profile?.gateway === gateway && profile.api_key) return profile.api_key
  if (standalone?.base_url !== gateway) return null
  const { tenants = [] } = standalone
  return (tenants.find(({ tier }) => tier === 'standard') ?? tenants[0])?.api_key ?? null
}

function textOf(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
