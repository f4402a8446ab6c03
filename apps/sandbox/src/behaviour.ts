import { SCOPES } from './catalogue/names'

/** A behaviour picked from the catalogue, with its settings as text (`words=20` → `{words: '20'}`). */
export interface Behaviour {
  readonly name: string
  readonly params: Readonly<Record<string, string>>
  /** The caller of this one request asked for it, so it applies whatever the path. */
  readonly isExplicit?: boolean
}

/** What a caller may hand over to name a behaviour: `name;key=value` text, or the parts. */
export type BehaviourWish = string | { name: string; params?: Record<string, string | number> }

/** The behaviour of a host nobody has asked anything of. */
export const WELL_BEHAVED: Behaviour = { name: 'ok', params: {} }

const SIM_MODEL = /^(?:[^/]*\/)?sim-([a-z0-9-]+)(?:@(.*))?$/i

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function parseParams(parts: string[]): Record<string, string> {
  const params: Record<string, string> = {}
  for (const part of parts) {
    const at = part.indexOf('=')
    const key = (at < 0 ? part : part.slice(0, at)).trim()
    if (key !== '') params[key] = at < 0 ? '1' : decode(part.slice(at + 1).trim())
  }
  return params
}

/** Reads `name;key=value;…` (values may be percent-encoded) or the parts; throws on a name the catalogue lacks. */
export function readBehaviour(wish: BehaviourWish): Behaviour {
  const params: Record<string, string> = {}
  let name: string
  if (typeof wish === 'string') {
    const [head = '', ...rest] = wish.split(';')
    name = head.trim()
    Object.assign(params, parseParams(rest))
  } else {
    name = wish.name
    for (const [key, value] of Object.entries(wish.params ?? {})) params[key] = String(value)
  }
  if (!SCOPES.has(name)) throw new Error(`the sandbox has no behaviour named '${name}'`)
  return { name, params }
}

/** Reads `sim-name` and `sim-name@key=value,key=value` (a tag `:latest` is ignored); undefined for any other model. */
function behaviourOfModel(model: string): Behaviour | undefined {
  const bare = model.endsWith(':latest') ? model.slice(0, -7) : model
  const match = bare.includes('sim-') ? SIM_MODEL.exec(bare) : null
  if (!match) return undefined
  const name = match[1]?.toLowerCase() ?? ''
  if (!SCOPES.has(name)) throw new Error(`the sandbox has no behaviour named '${name}'`)
  return { name, params: match[2] ? parseParams(match[2].split(',')) : {}, isExplicit: true }
}

/** Says whether a model name asks for a behaviour rather than for a model. */
export const isSimModel = (model: string): boolean => model.includes('sim-') && SIM_MODEL.test(model)

/** A numeric setting of a behaviour, or the fallback when it is absent or no number. */
export function setting(behaviour: Behaviour, key: string, fallback: number): number {
  const text = behaviour.params[key]
  if (text === undefined || text === '') return fallback
  const value = Number(text)
  return Number.isFinite(value) ? value : fallback
}

/** Picks the behaviour of one request: header, then model name, then the host's setting (catalogue, section A). */
export function selectBehaviour(header: string | undefined, model: string, ofHost: Behaviour): Behaviour {
  if (header) return { ...readBehaviour(header), isExplicit: true }
  return behaviourOfModel(model) ?? ofHost
}
