import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { z } from 'zod'
import { EmbeddedError } from './embedded-error'

const Record = z.object({ port: z.number().int(), token: z.string() })
const ANSWER_TIMEOUT_MS = 2_000

function readRecord(path: string): z.infer<typeof Record> | null {
  try {
    return Record.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return null
  }
}

/** Refused or another token: the owner is dead. Silence counts as alive: a busy owner must not lose its server. */
function ownerAnswers({ port, token }: z.infer<typeof Record>): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    let heard = ''
    const finish = (alive: boolean) => {
      socket.destroy()
      resolve(alive)
    }
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => finish(heard === ''))
    socket.on('data', (bytes) => (heard += bytes.toString('latin1')))
    socket.once('end', () => finish(heard === token))
    socket.once('error', () => finish(false))
  })
}

/**
 * Makes this process the owner of what `path` stands for, or throws `in_use` while another live process is.
 * The owner listens on a local port and answers with a token, so the lock dies with the process (a pid in a file can be
 * a zombie's or be reused). Two starts in the same millisecond can both win; the server's own lock file then decides.
 */
export async function takeOwnership(path: string, what: string): Promise<{ release(): void }> {
  const before = readRecord(path)
  if (before && (await ownerAnswers(before))) {
    throw new EmbeddedError(
      'in_use',
      `${what} is in use by another running Tollgate process. Stop that one first, or choose another folder with TOLLGATE_DATA_DIR. (If you are sure that none runs, delete ${path}.)`,
    )
  }
  const token = randomBytes(16).toString('hex')
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.end(token)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  server.unref()
  const address = server.address()
  if (!address || typeof address === 'string') throw new Error('the owner lock has no port')
  try {
    writeFileSync(`${path}.new`, JSON.stringify({ port: address.port, token }), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  } catch (cause) {
    server.close()
    throw cause
  }
  return {
    release() {
      server.close()
      if (readRecord(path)?.token === token) rmSync(path, { force: true })
    },
  }
}
