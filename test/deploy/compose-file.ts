import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

/** The repository's root, where docker-compose.yml and Dockerfile are. */
export const root = join(__dirname, '../..')

/** A service of docker-compose.yml, as far as the specs read it; anchors and merges are resolved. */
export interface ComposeService {
  readonly image: string
  readonly build?: string
  readonly command?: string[]
  readonly environment?: Record<string, string | number>
  readonly healthcheck?: { test?: string[]; disable?: boolean }
  readonly depends_on?: Record<string, { condition: string }>
  readonly networks?: string[] | Record<string, { ipv4_address: string }>
  readonly volumes?: string[]
  readonly ports?: string[]
  readonly profiles?: string[]
  readonly restart?: string
  readonly stop_grace_period?: string
  readonly read_only?: boolean
  readonly cap_drop?: string[]
}

/** What docker-compose.yml says. */
export interface ComposeFile {
  readonly services: Record<string, ComposeService>
  readonly volumes: Record<string, unknown>
  readonly networks: Record<string, { internal?: boolean; ipam?: { config: { subnet: string; ip_range: string }[] } } | null>
}

export const composeText = readFileSync(join(root, 'docker-compose.yml'), 'utf8')
export const compose = parse(composeText, { merge: true }) as ComposeFile

/** A value for every placeholder that has no default, as somebody who followed .env.example would have them. */
export const SAMPLE_VALUES: Readonly<Record<string, string>> = {
  POSTGRES_PASSWORD: 'a1'.repeat(32),
  REDIS_PASSWORD: 'b2'.repeat(32),
  TOLLGATE_DB_PASSWORD: 'c3'.repeat(32),
  TOLLGATE_KEY_PEPPER: 'd4'.repeat(32),
  TOLLGATE_JWT_SECRET: 'e5'.repeat(32),
  TOLLGATE_SECRETS_KEY: 'f6'.repeat(32),
  TOLLGATE_OPERATOR_EMAIL: 'operator@example.com',
  TOLLGATE_OPERATOR_PASSWORD: 'correct horse battery',
}

/** The placeholders of a text: `${NAME}`, `${NAME:-default}`, `${NAME:?message}`. */
export function placeholders(text: string): { name: string; isRequired: boolean; fallback: string }[] {
  return [...text.matchAll(/\$\{([A-Z0-9_]+)(?::([-?])([^}]*))?\}/g)].map(([, name, kind, rest]) => ({
    name: name!,
    isRequired: kind === '?',
    fallback: kind === '-' ? rest! : '',
  }))
}

/** Fills the placeholders as Compose does. Throws Compose's own kind of sentence for a required one without a value. */
export function interpolate(text: string, values: Readonly<Record<string, string>>): string {
  return text
    .replace(/\$\{([A-Z0-9_]+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind: string | undefined, rest: string) => {
      if (values[name]) return values[name]
      if (kind === '?') throw new Error(`required variable ${name} is missing a value: ${rest}`)
      return kind === '-' ? rest : ''
    })
    .replaceAll('$$', '$')
}

/** The environment a service's container gets. */
export function environmentOf(service: string, values: Readonly<Record<string, string>> = SAMPLE_VALUES): Record<string, string> {
  const entries = Object.entries(compose.services[service]?.environment ?? {})
  return Object.fromEntries(entries.map(([name, value]) => [name, interpolate(String(value), values)]))
}

/** Seconds of a Compose duration such as `40s` or `1m30s`. */
export function durationSeconds(text: string): number {
  return [...text.matchAll(/(\d+)([hms])/g)].reduce((sum, [, count, unit]) => sum + Number(count) * { h: 3_600, m: 60, s: 1 }[unit as 'h' | 'm' | 's'], 0)
}

/** Names of the services that run our own image. */
export const ownServices = Object.keys(compose.services).filter((name) => compose.services[name]!.build !== undefined)

/** The compiled entry a service's command runs, e.g. `dist/apps/gateway/src/main.js`. */
export function entryOf(service: string): string {
  return compose.services[service]!.command!.at(-1)!
}
