import { z } from 'zod'
import { environmentSchema, type Environment } from './config.schema'
import { withSecrets } from './secret-sources'

/** A bad environment; `message` has one line per variable, each naming it and saying what would be right. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'ConfigError'
  }
}

/** What the processes need beyond the plain environment: the names that must be present to run against real services. */
export type ClusterConfig = Environment &
  Required<Pick<Environment, 'DATABASE_URL' | 'REDIS_URL' | 'TOLLGATE_KEY_PEPPER' | 'TOLLGATE_JWT_SECRET' | 'TOLLGATE_SECRETS_KEY'>>

/** Validates an environment. Empty strings count as unset, as compose files write them. @throws ConfigError */
export function parseEnvironment(env: Readonly<Record<string, string | undefined>>): Environment {
  const problems: string[] = []
  const given = withSecrets(Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1].trim() !== '')), problems)
  const unknown = Object.keys(given).filter((name) => name.startsWith('TOLLGATE_') && !(name in environmentSchema.shape))
  problems.push(...unknown.map((name) => `${name} is not a setting of Tollgate; see README.md for the list`))
  const parsed = environmentSchema.safeParse(given)
  if (!parsed.success) problems.push(...parsed.error.issues.map((issue) => describe(issue, given)))
  if (problems.length > 0) throw new ConfigError(problems)
  return parsed.data!
}

/** Adds the demand that a clustered process has its services and secrets. @throws ConfigError */
export function requireCluster(environment: Environment): ClusterConfig {
  const needed = {
    DATABASE_URL: 'postgres://…, the database that `npm run migrate` prepared',
    REDIS_URL: 'redis://…, with appendonly yes and maxmemory-policy noeviction; of a cluster some nodes, with commas between them',
    TOLLGATE_KEY_PEPPER: 'at least 32 random characters, the same on every process: it hashes API keys',
    TOLLGATE_JWT_SECRET: 'at least 32 random characters, the same on every process: it signs log-in tokens',
    TOLLGATE_SECRETS_KEY: 'at least 32 random characters, the same on every process: it encrypts provider secrets',
  } as const
  const problems = Object.entries(needed)
    .filter(([name]) => environment[name as keyof typeof needed] === undefined)
    .map(([name, meaning]) => `${name} is not set: ${meaning}`)
  if (problems.length > 0) throw new ConfigError(problems)
  return environment as ClusterConfig
}

/** Reads this process's own environment. The only place in the house that does. */
export function processEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env
}

function describe(issue: z.core.$ZodIssue, given: Record<string, unknown>): string {
  const name = String(issue.path[0] ?? 'environment')
  const secret = /KEY|SECRET|PASSWORD|PEPPER|TOKEN|URL/.test(name)
  const value = secret ? '' : ` (given: ${JSON.stringify(given[name])?.slice(0, 60)})`
  return `${name} is not valid: ${issue.message}${value}`
}
