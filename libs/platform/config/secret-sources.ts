import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const LIST = 'TOLLGATE_SECRETS_KEYS_ALSO'
/** Secrets that need not stand in the environment. */
const SECRETS = ['TOLLGATE_DB_PASSWORD', 'TOLLGATE_KEY_PEPPER', 'TOLLGATE_JWT_SECRET', 'TOLLGATE_SECRETS_KEY', LIST] as const
const COMMAND_TIMEOUT_MS = 10_000
const MOST_OUTPUT_BYTES = 64 * 1024

/** What a source holds, or why it holds nothing. */
type Found = string | { readonly fault: string }
type Env = Readonly<Record<string, string>>

/** `_FILE`: orchestrators and agents of key management systems mount secrets so. `_COMMAND`: a program that asks such a system itself. */
const SOURCES: Readonly<Record<string, (given: string, env: Env) => Found>> = { _FILE: read, _COMMAND: run }

/**
 * The environment with every `<secret>_FILE` and `<secret>_COMMAND` replaced by what the file holds or the program prints
 * (lines of a list as commas). Told of in `problems`: a source that fails or gives nothing, and a secret that is given twice.
 * Never what it holds. Each program runs once, for ten seconds at most, and without these secrets in its environment.
 */
export function withSecrets(given: Env, problems: string[]): Record<string, string> {
  const bare = Object.fromEntries(Object.entries(given).filter(([name]) => !SECRETS.some((secret) => name === secret)))
  const env = { ...given }
  for (const name of SECRETS) {
    const ways = Object.keys(SOURCES).filter((suffix) => given[name + suffix] !== undefined)
    for (const suffix of ways) delete env[name + suffix]
    const names = [...(given[name] === undefined ? [] : [name]), ...ways.map((suffix) => name + suffix)]
    if (names.length > 1) problems.push(`${names[0]} and ${names[1]} are both set: leave one of them out`)
    else if (ways.length === 1) {
      const found = SOURCES[ways[0]!]!(given[names[0]!]!, bare)
      if (typeof found !== 'string') problems.push(`${names[0]} ${found.fault}`)
      else env[name] = name === LIST ? found.split(/\s*\n\s*/).join(',') : found
    }
  }
  return env
}

function read(path: string): Found {
  const at = `(given: ${JSON.stringify(path)})`
  try {
    return readFileSync(path, 'utf8').trim() || { fault: `is empty ${at}` }
  } catch (error) {
    return { fault: `cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'} ${at}` }
  }
}

/** Runs a program without a shell. Nothing that it was told or says is repeated: either may be a secret. */
function run(command: string, env: Env): Found {
  const words = wordsOf(command)
  if (words === null) return { fault: 'must be the path of a program, or a JSON list of it and its arguments' }
  try {
    const output = execFileSync(words[0], words.slice(1), { env, encoding: 'utf8', timeout: COMMAND_TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: MOST_OUTPUT_BYTES, stdio: ['ignore', 'pipe', 'ignore'] })
    return output.trim() || { fault: 'printed nothing' }
  } catch (error) {
    const { code, status, signal } = error as { code?: string; status?: number | null; signal?: string | null }
    return { fault: `failed: ${code ?? (status === null || status === undefined ? String(signal) : `exit status ${status}`)}` }
  }
}

function wordsOf(command: string): [string, ...string[]] | null {
  if (!command.trimStart().startsWith('[')) return [command.trim()]
  try {
    const words: unknown = JSON.parse(command)
    return Array.isArray(words) && words.length > 0 && words[0] !== '' && words.every((word) => typeof word === 'string') ? (words as [string, ...string[]]) : null
  } catch {
    return null
  }
}
