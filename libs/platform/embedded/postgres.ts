import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { serviceAccount } from './account'
import { checkVersion, initialise, placeData, readSecret, writeSecret, type Secret } from './data-folder'
import { EmbeddedError, explainFailure } from './embedded-error'
import type { Leashed } from './leash'
import { findNative, prepareNative } from './native-folder'
import { takeOwnership } from './owner-lock'
import { chooseFreePort, tryPort } from './port'
import { endOrphan, launch, superuserUrl, type LaunchOptions } from './postgres-server'

/** A running private Postgres. It stops when this process ends, even by `kill -9`; `stop()` waits for that. */
export interface EmbeddedPostgres {
  /** The superuser's address, `postgres://postgres:<password>@127.0.0.1:<port>/postgres`. Never log it. */
  url: string
  port: number
  /** Where the data really lives; differs from the folder asked for when the service account could not reach that. */
  dataDir: string
  /** Fast shutdown: open transactions are rolled back, committed ones are on disk. Safe to call twice. */
  stop(): Promise<void>
}

/** `dataDir` is made when absent; `fast` trades crash safety for speed and is for tests only. */
export interface EmbeddedPostgresOptions {
  dataDir: string
  durability: 'safe' | 'fast'
  /** Receives the server's log lines and notices about places; nothing is printed otherwise. */
  log?: (line: string) => void
}

const ATTEMPTS = 20
const SETTLE_MS = 100

type Target = Omit<LaunchOptions, 'port' | 'url'>

async function launchOnSomePort(
  target: Target,
  stored: Secret,
): Promise<{ server: Leashed; port: number; url: string }> {
  let port = (await tryPort(stored.port)) ?? (await chooseFreePort())
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const url = superuserUrl(port, stored.password)
    if (port !== stored.port) writeSecret(target.dataDir, { ...stored, port })
    const result = await launch({ ...target, port, url })
    if (result.is === 'ready') return { server: result.server, port, url }
    if (result.is === 'port_taken') port = await chooseFreePort()
    else await sleep(SETTLE_MS)
  }
  throw new EmbeddedError(
    'start_failed',
    `Postgres could not start on ${target.dataDir}: no port was free, or an old server kept its memory.`,
  )
}

/**
 * Starts Postgres on `dataDir`, initialising it the first time. Throws EmbeddedError with a code and a sentence that
 * says what to do: no binary for this platform, another major, not writable, disk full, in use by another process.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => {})
  const isSafe = options.durability === 'safe'
  const { major } = findNative()
  const doing = 'starting the embedded Postgres'
  try {
    // Before any folder is made or lock is taken: a folder of another major stays as it was.
    checkVersion(options.dataDir, major)
    const account = serviceAccount(options.dataDir)
    const dataDir = placeData(options.dataDir, account, log)
    const state = checkVersion(dataDir, major)
    const native = prepareNative(account, dirname(dataDir), log)
    const ownership = await takeOwnership(`${dataDir}.owner`, dataDir)
    try {
      if (state === 'initialised') {
        const known = readSecret(dataDir)
        await endOrphan(dataDir, superuserUrl(known.port, known.password))
      }
      const secret =
        state === 'initialised'
          ? readSecret(dataDir)
          : await initialise(dataDir, native, account, await chooseFreePort(), isSafe)
      const { server, port, url } = await launchOnSomePort(
        { native, dataDir, account, isSafe, log: options.log },
        secret,
      )
      const end = async () => {
        await server.release()
        // The leash itself can have been killed; then the server is still there and is ended as an orphan.
        await endOrphan(dataDir, url)
        ownership.release()
      }
      let stopping: Promise<void> | null = null
      return { url, port, dataDir, stop: () => (stopping ??= end()) }
    } catch (cause) {
      ownership.release()
      throw cause
    }
  } catch (cause) {
    throw explainFailure(cause, options.dataDir, doing)
  }
}
