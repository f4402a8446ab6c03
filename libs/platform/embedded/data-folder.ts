import { createHash, randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { canEnter, makeParents, type Account } from './account'
import { EmbeddedError, explainFailure } from './embedded-error'
import { runOnce } from './leash'
import { SYSTEM_FOLDER, type NativePostgres } from './native-folder'

const Secret = z.object({ port: z.number().int(), password: z.string().min(1) })

/** What is kept beside the data folder in `<dataDir>.json` (0600): the superuser's password and the port. */
export type Secret = z.infer<typeof Secret>

/**
 * Where the data really lives: `dataDir`, or a folder of root's own under /var/lib when `account` cannot pass through
 * the parents of `dataDir` (a clone below a private home). Says so on `log`.
 */
export function placeData(dataDir: string, account: Account | null, log: (line: string) => void): string {
  const wanted = resolve(dataDir)
  makeParents(wanted)
  if (!account || canEnter(account, dirname(wanted))) return wanted
  const id = createHash('sha256').update(wanted).digest('hex').slice(0, 12)
  const place = join(SYSTEM_FOLDER, id, basename(wanted))
  makeParents(place)
  log(`Postgres data is kept in ${place}, because ${account.name} cannot pass through ${dirname(wanted)}`)
  return place
}

/** Refuses, before anything is touched, a folder of another Postgres major or one that is not a data folder at all. */
export function checkVersion(dataDir: string, major: string): 'initialised' | 'absent' {
  let names: string[]
  try {
    names = readdirSync(dataDir)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return 'absent'
    throw explainFailure(cause, dataDir, 'reading the data folder')
  }
  if (names.length === 0) return 'absent'
  if (!names.includes('PG_VERSION')) {
    throw new EmbeddedError(
      'not_a_data_dir',
      `${dataDir} holds files but is no Postgres data folder. Empty it, or choose another one with TOLLGATE_DATA_DIR.`,
    )
  }
  const found = readFileSync(join(dataDir, 'PG_VERSION'), 'utf8').trim()
  if (found === major) return 'initialised'
  throw new EmbeddedError(
    'other_major',
    `${dataDir} was made by Postgres ${found}, this Tollgate brings Postgres ${major}; nothing was changed. ` +
      `Either go back to the Tollgate version that made it and export the data, or move the folder aside to start empty, ` +
      `or run Postgres ${found} yourself on it and set DATABASE_URL.`,
  )
}

/** Reads the secret of an initialised folder; throws `secret_missing` when it is gone. */
export function readSecret(dataDir: string): Secret {
  try {
    return Secret.parse(JSON.parse(readFileSync(`${dataDir}.json`, 'utf8')))
  } catch (cause) {
    throw new EmbeddedError(
      'secret_missing',
      `${dataDir}.json with the database password is missing or damaged. Restore it, or move ${dataDir} aside to start empty.`,
      { cause },
    )
  }
}

/** Stores the secret, whole or not at all. */
export function writeSecret(dataDir: string, secret: Secret): void {
  writeFileSync(`${dataDir}.json.new`, `${JSON.stringify(secret)}\n`, { mode: 0o600 })
  renameSync(`${dataDir}.json.new`, `${dataDir}.json`)
}

/** Removes what an initialisation that was killed half-way left behind. Call it only as the owner. */
function sweepLeftovers(dataDir: string): void {
  const prefix = `${basename(dataDir)}.init-`
  for (const name of readdirSync(dirname(dataDir))) {
    if (name.startsWith(prefix)) rmSync(join(dirname(dataDir), name), { recursive: true, force: true })
  }
}

/**
 * Runs initdb into a folder aside and renames it into place, so a kill half-way never leaves a broken data folder.
 * Returns the new secret (also stored). Throws `disk_full`, `not_writable` or `start_failed`.
 */
export async function initialise(
  dataDir: string,
  native: NativePostgres,
  account: Account | null,
  port: number,
  isSafe: boolean,
): Promise<Secret> {
  const aside = `${dataDir}.init-${randomBytes(4).toString('hex')}`
  const passwordFile = `${aside}.pw`
  const secret: Secret = { port, password: randomBytes(24).toString('base64url') }
  try {
    sweepLeftovers(dataDir)
    mkdirSync(aside, { mode: 0o700 })
    writeFileSync(passwordFile, secret.password, { mode: 0o600 })
    if (account) for (const path of [aside, passwordFile]) chownSync(path, account.uid, account.gid)
    const args = [
      '-D',
      aside,
      '-U',
      'postgres',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--no-instructions',
    ]
    // The C.UTF-8 collation is built in: the same order on every machine, whatever locales it has.
    args.push('--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', ...(isSafe ? [] : ['--no-sync']))
    const { code, output } = await runOnce(join(native.folder, 'bin', 'initdb'), args, account)
    if (code !== 0) throw new Error(output)
    writeSecret(dataDir, secret)
    renameSync(aside, dataDir)
    return secret
  } catch (cause) {
    throw explainFailure(cause, dataDir, 'creating the database')
  } finally {
    rmSync(passwordFile, { force: true })
    if (existsSync(aside)) rmSync(aside, { recursive: true, force: true })
  }
}
