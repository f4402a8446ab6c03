/** What an operator says a model is: what it is made from, and what the gateway fills in where a caller says nothing. */
export interface ModelDefinition {
  readonly modelfile: string | null
  readonly baseModel: string | null
  /** OpenAI's spelling: temperature, top_p, max_tokens … */
  readonly parameters: Readonly<Record<string, unknown>>
  /** System prompt of calls that bring none. */
  readonly prompt: string | null
}

/** A definition with the weights it became. `cause`: an operator changed it, or a host was found to hold other weights. */
export interface ModelVersion extends ModelDefinition {
  readonly model: string
  readonly version: number
  readonly cause: 'definition' | 'digest'
  /** Null until a host is found to hold it. */
  readonly digest: string | null
  readonly createdAt: Date
}

/** What a host holds of a model. `kept`: digests of earlier weights that it still has. */
export interface Holding {
  readonly model: string
  readonly host: string
  readonly digest: string | null
  readonly kept: readonly string[]
}

/** A model whose hosts do not hold the same weights, or others than it is pinned to. */
export interface Drift {
  readonly model: string
  /** `mixed`: no pin, several digests; `off_pin`: a host holds another digest than the pinned. */
  readonly kind: 'mixed' | 'off_pin'
  readonly hosts: readonly string[]
}

/** Would a change of these fields make another version? */
export function isSameDefinition(a: ModelDefinition, b: ModelDefinition): boolean {
  const told = ({ modelfile, baseModel, parameters, prompt }: ModelDefinition) => JSON.stringify([modelfile, baseModel, Object.entries(parameters).sort(), prompt])
  return told(a) === told(b)
}

/** The digests held, with who holds each, the most held first. Kept ones are not counted: they serve by name only. */
export function digestsOf(holdings: readonly Holding[]): { digest: string; hosts: string[] }[] {
  const groups = new Map<string, string[]>()
  for (const { digest, host } of holdings) if (digest !== null) groups.set(digest, [...(groups.get(digest) ?? []), host])
  return [...groups].map(([digest, hosts]) => ({ digest, hosts })).sort((a, b) => b.hosts.length - a.hosts.length || (a.digest < b.digest ? -1 : 1))
}

/**
 * Drift of one model. Pinned: every host whose weights are others, also one that still serves the pinned from what it
 * kept. Not pinned: the hosts that do not hold what most hold. Hosts that tell no digest (clouds) never drift.
 */
export function driftOf(model: string, pinned: string | null, holdings: readonly Holding[]): Drift | null {
  const digests = digestsOf(holdings)
  if (pinned === null) return digests.length < 2 ? null : { model, kind: 'mixed', hosts: digests.slice(1).flatMap(({ hosts }) => hosts).sort() }
  const hosts = digests.filter(({ digest }) => digest !== pinned).flatMap(({ hosts }) => hosts)
  return hosts.length === 0 ? null : { model, kind: 'off_pin', hosts: hosts.sort() }
}

/** Drift of every model, by name. @param pins pinned digests by model */
export function drifts(holdings: readonly Holding[], pins: ReadonlyMap<string, string>): Drift[] {
  const byModel = new Map<string, Holding[]>()
  for (const holding of holdings) byModel.set(holding.model, [...(byModel.get(holding.model) ?? []), holding])
  return [...byModel].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([model, held]) => driftOf(model, pins.get(model) ?? null, held) ?? [])
}

/** The held digest that an operator means: itself, or a beginning of at least eight characters that only one has. */
export function meantDigest(wanted: string, holdings: readonly Holding[]): string | null {
  const held = [...new Set(holdings.flatMap(({ digest, kept }) => [...(digest === null ? [] : [digest]), ...kept]))]
  const plain = wanted.toLowerCase().replace(/^sha256:/, '')
  const meant = held.filter((digest) => digest === plain || (plain.length >= 8 && digest.startsWith(plain)))
  return meant.length === 1 ? meant[0]! : null
}

/** The version to go back to: the one named, or the newest before the current. Null = there is none. */
export function rollbackTarget(versions: readonly ModelVersion[], current: number | null, wanted: number | null): ModelVersion | null {
  if (wanted !== null) return versions.find(({ version }) => version === wanted) ?? null
  return versions.filter(({ version }) => version < (current ?? 0)).sort((a, b) => b.version - a.version)[0] ?? null
}
