import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CliError, type Terminal } from './terminal'

/** Tokens of a log-in, as the control plane answers them. */
export interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
}

/** One installation under a name: where its two planes are, and a key for its data plane. */
export interface Profile {
  readonly server: string
  readonly gateway: string
  readonly api_key?: string
}

/** What is kept between runs. Tokens are by server (and profile), so that none is ever sent to another one. */
export interface Kept {
  readonly server?: string
  readonly tokens: Readonly<Record<string, Tokens>>
  readonly profile?: string
  readonly profiles?: Readonly<Record<string, Profile>>
}

/** The file that is kept between runs, readable by its user only. */
export class KeptFile {
  private readonly path: string

  constructor({ env, cwd }: Pick<Terminal, 'env' | 'cwd'>) {
    this.path = join(env.XDG_CONFIG_HOME ?? join(env.HOME ?? env.USERPROFILE ?? cwd, '.config'), 'tollgate', 'credentials.json')
  }

  read(): Kept {
    return readJson<Kept>(this.path) ?? { tokens: {} }
  }

  /** By rename, so that a crash leaves the old file or the new one. */
  write(kept: Kept): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 })
    const draft = `${this.path}.${process.pid}`
    writeFileSync(draft, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 })
    renameSync(draft, this.path)
  }
}

/** A JSON file; null when there is none. @throws CliError when it cannot be read */
export function readJson<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new CliError(`${path} cannot be read: ${(error as Error).message}. Remove it and log in again.`)
  }
}
