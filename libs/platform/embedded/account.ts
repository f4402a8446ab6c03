import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { EmbeddedError } from './embedded-error'

/** A system account a server runs as when we are root, which Postgres refuses. */
export interface Account {
  name: string
  uid: number
  gid: number
}

/** The account named `name` in the text of a passwd file, or null. */
function findAccount(passwd: string, name: string): Account | null {
  const fields = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find((parts) => parts[0] === name)
  if (!fields) return null
  const [uid, gid] = [Number(fields[2]), Number(fields[3])]
  return Number.isInteger(uid) && Number.isInteger(gid) && uid > 0 ? { name, uid, gid } : null
}

/**
 * Whom Postgres must run as: null (ourselves) unless we are root; then the owner of an existing data folder, else the
 * account `postgres`, else `nobody`.
 */
export function serviceAccount(dataDir: string): Account | null {
  if (process.getuid?.() !== 0) return null
  if (existsSync(join(dataDir, 'PG_VERSION'))) {
    const { uid, gid } = statSync(dataDir)
    if (uid !== 0) return { name: `uid ${uid}`, uid, gid }
  }
  const passwd = readFileSync('/etc/passwd', 'utf8')
  const account = findAccount(passwd, 'postgres') ?? findAccount(passwd, 'nobody')
  if (account) return account
  throw new EmbeddedError(
    'unsupported_platform',
    'Postgres does not run as root, and there is no account "postgres" or "nobody" to run it as. Start as another user, or set DATABASE_URL.',
  )
}

/** Whether `account` can really read and enter every path. Asked of the kernel, because mode bits do not tell it all. */
export function canReach(account: Account, paths: string[]): boolean {
  const test = 'for p; do test -r "$p" && test -x "$p" || exit 1; done'
  const { status, error } = spawnSync('/bin/sh', ['-c', test, 'sh', ...paths], {
    ...ids(account),
    cwd: '/',
    stdio: 'ignore',
  })
  if (error) {
    throw new EmbeddedError(
      'unsupported_platform',
      `Cannot run Postgres as ${account.name}: ${error.message}. Set DATABASE_URL instead.`,
    )
  }
  return status === 0
}

/** Whether `account` can pass through the folder `path` (read permission is not needed for that). */
export function canEnter(account: Account, path: string): boolean {
  return (
    spawnSync('/bin/sh', ['-c', 'test -x "$1"', 'sh', path], { ...ids(account), cwd: '/', stdio: 'ignore' }).status ===
    0
  )
}

/** Makes missing parents of `dir` enterable by all (0755 whatever the umask), because Postgres may run as another user. */
export function makeParents(dir: string): void {
  const parent = dirname(dir)
  const first = mkdirSync(parent, { recursive: true })
  if (first === undefined) return
  for (let path = parent; path.length >= first.length; path = dirname(path)) chmodSync(path, 0o755)
}

const ids = ({ uid, gid }: Account) => ({ uid, gid })
