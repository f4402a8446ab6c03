import { readFileSync } from 'node:fs'

const LIST = 'TOLLGATE_SECRETS_KEYS_ALSO'
/** Secrets that may come as files, as orchestrators and the agents of key management systems mount them. */
const SECRETS = ['TOLLGATE_DB_PASSWORD', 'TOLLGATE_KEY_PEPPER', 'TOLLGATE_JWT_SECRET', 'TOLLGATE_SECRETS_KEY', LIST] as const

/**
 * The environment with every `<secret>_FILE` replaced by what the file holds (lines of a list as commas). Told of in
 * `problems`: a file that cannot be read or holds nothing, and a secret that is given both ways. Never what it holds.
 */
export function withSecretFiles(given: Readonly<Record<string, string>>, problems: string[]): Record<string, string> {
  const env = { ...given }
  for (const name of SECRETS) {
    const path = env[`${name}_FILE`]
    if (path === undefined) continue
    delete env[`${name}_FILE`]
    if (env[name] !== undefined) problems.push(`${name} and ${name}_FILE are both set: leave one of them out`)
    else {
      const text = read(path)
      if (typeof text !== 'string') problems.push(`${name}_FILE cannot be read: ${text.code} (given: ${JSON.stringify(path)})`)
      else if (text === '') problems.push(`${name}_FILE is empty (given: ${JSON.stringify(path)})`)
      else env[name] = name === LIST ? text.split(/\s*\n\s*/).join(',') : text
    }
  }
  return env
}

function read(path: string): string | { code: string } {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    return { code: (error as NodeJS.ErrnoException).code ?? 'unknown' }
  }
}
