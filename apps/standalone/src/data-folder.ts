import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartError } from '@tollgate/platform/process'
import type { Ids } from '@tollgate/kernel'

/** Secrets of one data directory, made at the first start and kept. */
export interface DataSecrets {
  readonly databasePassword: string
  readonly keyPepper: string
  readonly jwtSecret: string
  readonly secretsKey: string
  readonly operatorPassword: string
}

/** What `standalone.json` says (mode 0600): everything a script or a test needs to use this installation. */
export interface StandaloneFile {
  base_url: string
  pid: number
  operator: { email: string; password: string }
  tenants: { slug: string; tier: string; home_region: string; api_key: string }[]
  hosts: { name: string; region: string; base_url: string; provider: string }[]
}

/** The data directory of `npm start`. */
export class DataFolder {
  readonly postgresDir: string
  readonly redisDir: string

  /** Creates the folder, and refuses one that cannot be written. @throws StartError */
  constructor(
    readonly path: string,
    private readonly ids: Ids,
  ) {
    try {
      mkdirSync(path, { recursive: true })
      const probe = join(path, '.write-test')
      writeFileSync(probe, 'x')
      rmSync(probe)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const reason = code === 'ENOSPC' ? 'its disk is full. Free some space' : `it cannot be written (${code}). Choose another with TOLLGATE_DATA_DIR`
      throw new StartError(`The data directory ${path} cannot be used: ${reason}, then start again.`)
    }
    this.postgresDir = join(path, 'postgres')
    this.redisDir = join(path, 'redis')
    // Redis keeps nothing between starts; what a killed start left is only litter.
    rmSync(this.redisDir, { recursive: true, force: true })
    mkdirSync(this.redisDir, { recursive: true })
  }

  /** The secrets, made once. Losing them means losing every key and stored provider secret, so they stay beside the data. */
  secrets(): DataSecrets {
    const random = () => this.ids.bytes(24).toString('base64url')
    return this.once('secrets.json', () => ({ databasePassword: random(), keyPepper: random() + random(), jwtSecret: random() + random(), secretsKey: random() + random(), operatorPassword: random().slice(0, 20) }))
  }

  /** What the last start wrote, or null. */
  readStandalone(): StandaloneFile | null {
    return this.read('standalone.json')
  }

  writeStandalone(file: StandaloneFile): void {
    this.write('standalone.json', file)
  }

  private once<T>(name: string, make: () => T): T {
    const known = this.read<T>(name)
    if (known) return known
    const made = make()
    this.write(name, made)
    return made
  }

  private read<T>(name: string): T | null {
    const path = join(this.path, name)
    if (!existsSync(path)) return null
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as T
    } catch {
      throw new StartError(`${path} is damaged. Restore it from a backup, or remove the data directory to begin anew.`)
    }
  }

  /** By rename, so that a crash leaves the old file or the new one, never half of it. */
  private write(name: string, value: unknown): void {
    const path = join(this.path, name)
    writeFileSync(`${path}.new`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 })
    chmodSync(`${path}.new`, 0o600)
    renameSync(`${path}.new`, path)
  }
}
