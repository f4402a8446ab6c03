import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Client } from 'pg'
import { eventually, holdEmbedded, tempFolder } from '../../../test/support'
import { startEmbeddedPostgres, type EmbeddedPostgres } from './index'
import { findNative } from './native-folder'
import { acceptsConnections } from './port'

jest.setTimeout(40_000)
const isRoot = process.getuid?.() === 0

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    const row = (await client.query(sql)).rows[0] as object | undefined
    return row && Object.values(row)[0]
  } finally {
    await client.end()
  }
}

const mountTmpfs = (path: string, options: string) =>
  spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]).status === 0

describe('embedded Postgres', () => {
  let folder: ReturnType<typeof tempFolder>
  let dataDir: string
  let running: EmbeddedPostgres[] = []
  const start = async (dir = dataDir) => {
    const postgres = await startEmbeddedPostgres({ dataDir: dir, durability: 'fast' })
    running.push(postgres)
    return postgres
  }
  beforeEach(() => {
    folder = tempFolder()
    dataDir = join(folder.path, 'new', 'postgres')
  })
  afterEach(async () => {
    await Promise.all(running.map((postgres) => postgres.stop()))
    running = []
    folder.remove()
  })

  it('keeps data, port and password over a restart, and leaves nothing running between', async () => {
    const first = await start()
    await ask(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer')
    await first.stop()
    expect(await acceptsConnections(first.port)).toBe(false)
    expect(existsSync(join(dataDir, 'postmaster.pid'))).toBe(false)
    const second = await start()
    expect(second.url).toBe(first.url)
    expect(await ask(second.url, 'SELECT answer FROM kept')).toBe(42)
  })

  it('listens on 127.0.0.1 only, asks for the password, and keeps its files private', async () => {
    const { url } = await start()
    expect(await ask(url, 'SHOW listen_addresses')).toBe('127.0.0.1')
    expect(await ask(url, 'SHOW unix_socket_directories')).toBe('')
    await expect(ask(url.replace(/:[^:@]+@/, ':wrong@'), 'SELECT 1')).rejects.toThrow(/password authentication failed/)
    expect(statSync(`${dataDir}.json`).mode & 0o777).toBe(0o600)
    expect(statSync(dataDir).mode & 0o777).toBe(0o700)
    expect(statSync(join(folder.path, 'new')).mode & 0o777).toBe(0o755)
    expect(readdirSync(join(folder.path, 'new')).filter((name) => name.includes('.init-'))).toEqual([])
  })

  it('chooses and stores another port when its own is taken', async () => {
    const first = await start()
    await first.stop()
    const squatter = createServer()
    await new Promise<void>((resolve) => squatter.listen(first.port, '127.0.0.1', resolve))
    try {
      const second = await start()
      expect(second.port).not.toBe(first.port)
      await second.stop()
      expect((await start()).port).toBe(second.port)
    } finally {
      squatter.close()
    }
  })

  it('refuses a data folder of another Postgres major and touches nothing', async () => {
    mkdirSync(dataDir, { recursive: true })
    writeFileSync(join(dataDir, 'PG_VERSION'), '17\n')
    const before = [statSync(dataDir).mtimeMs, statSync(folder.path).mtimeMs]
    await expect(start()).rejects.toMatchObject({
      code: 'other_major',
      message: expect.stringMatching(/Postgres 17.*DATABASE_URL/),
    })
    expect(readdirSync(dataDir)).toEqual(['PG_VERSION'])
    expect(readdirSync(join(folder.path, 'new'))).toEqual(['postgres'])
    expect([statSync(dataDir).mtimeMs, statSync(folder.path).mtimeMs]).toEqual(before)
  })

  it('refuses a folder that holds something else', async () => {
    mkdirSync(dataDir, { recursive: true })
    writeFileSync(join(dataDir, 'notes.txt'), 'mine')
    await expect(start()).rejects.toMatchObject({ code: 'not_a_data_dir' })
  })

  it('refuses a second start on one data folder, in this process and in another', async () => {
    const { url } = await start()
    await expect(start()).rejects.toMatchObject({ code: 'in_use', message: expect.stringContaining(dataDir) })
    await expect(holdEmbedded(dataDir, '-')).rejects.toThrow(/in use by another running Tollgate/)
    expect(await ask(url, 'SELECT 1')).toBe(1)
  })

  it('says that the password file is missing', async () => {
    await (await start()).stop()
    unlinkSync(`${dataDir}.json`)
    await expect(start()).rejects.toMatchObject({ code: 'secret_missing' })
  })

  it('says that a folder is not writable', async () => {
    const sealed = join(folder.path, 'sealed')
    mkdirSync(sealed, { mode: 0o555 })
    // Mode bits do not stop root; a read-only file system does.
    if (isRoot && !mountTmpfs(sealed, 'ro')) return console.log('skipped: this machine does not let us mount a tmpfs')
    try {
      await expect(start(join(sealed, 'postgres'))).rejects.toMatchObject({ code: 'not_writable' })
    } finally {
      if (isRoot) execFileSync('umount', [sealed])
    }
  })

  it('makes the library links again when they are gone', async () => {
    const lib = join(findNative().folder, 'lib')
    const [link] = readdirSync(lib).filter((name) => lstatSync(join(lib, name)).isSymbolicLink())
    rmSync(join(lib, link ?? ''))
    expect(await ask((await start()).url, 'SELECT 1')).toBe(1)
    expect(lstatSync(join(lib, link ?? '')).isSymbolicLink()).toBe(true)
  })

  it('moves data that root keeps in a private folder to a place its service account can reach, and says where', async () => {
    if (!isRoot) return console.log('skipped: only root runs Postgres as another account')
    chmodSync(folder.path, 0o700)
    const lines: string[] = []
    const postgres = await startEmbeddedPostgres({ dataDir, durability: 'fast', log: (line) => lines.push(line) })
    running.push(postgres)
    expect(postgres.dataDir).toMatch(/^\/var\/lib\/tollgate\//)
    expect(lines.join('\n')).toContain(`kept in ${postgres.dataDir}`)
    await postgres.stop()
    expect((await start()).dataDir).toBe(postgres.dataDir)
    await running.at(-1)?.stop()
    rmSync(join(postgres.dataDir, '..'), { recursive: true })
  })

  it.each(['freebsd', 'win32'])('names DATABASE_URL as the way out where there are no programs (%s)', (platform) => {
    expect(() => findNative(platform, 'x64')).toThrow(/DATABASE_URL/)
  })

  it('says that the disk is full, and starts once there is space', async () => {
    if (!isRoot) return console.log('skipped: mounting a small file system needs root')
    const mount = join(folder.path, 'small')
    mkdirSync(mount)
    if (!mountTmpfs(mount, 'size=12m,mode=0755'))
      return console.log('skipped: this machine does not let us mount a tmpfs')
    try {
      await expect(start(join(mount, 'postgres'))).rejects.toMatchObject({ code: 'disk_full' })
      expect(readdirSync(mount)).toEqual([])
      execFileSync('mount', ['-o', 'remount,size=200m', mount])
      const postgres = await start(join(mount, 'postgres'))
      await postgres.stop()
      execFileSync('sh', ['-c', `cat /dev/zero > ${mount}/filler || true`], { stdio: 'ignore' })
      await expect(start(join(mount, 'postgres'))).rejects.toMatchObject({ code: 'disk_full' })
      rmSync(join(mount, 'filler'))
      expect(await ask((await start(join(mount, 'postgres'))).url, 'SELECT 1')).toBe(1)
    } finally {
      await Promise.all(running.map((postgres) => postgres.stop()))
      execFileSync('umount', [mount])
    }
  })
})

describe('after kill -9 of the process that started it', () => {
  let folder: ReturnType<typeof tempFolder>
  beforeEach(() => (folder = tempFolder()))
  afterEach(() => folder.remove())

  it('no server is left running', async () => {
    const dataDir = join(folder.path, 'postgres')
    const holder = await holdEmbedded(dataDir, '-')
    const port = Number(new URL(holder.postgresUrl ?? '').port)
    await holder.kill()
    await eventually(async () => expect(await acceptsConnections(port)).toBe(false), { timeoutMs: 15_000 })
    await eventually(() => expect(existsSync(join(dataDir, 'postmaster.pid'))).toBe(false))
  })

  it('an immediate start works and finds the committed data, open transactions or not', async () => {
    const dataDir = join(folder.path, 'postgres')
    const holder = await holdEmbedded(dataDir, '-')
    await ask(holder.postgresUrl ?? '', 'CREATE TABLE kept AS SELECT 42 AS answer')
    const open = new Client({ connectionString: holder.postgresUrl })
    open.on('error', () => {})
    await open.connect()
    await open.query('BEGIN; DELETE FROM kept')
    await holder.kill()
    const postgres = await startEmbeddedPostgres({ dataDir, durability: 'fast' })
    expect(await ask(postgres.url, 'SELECT answer FROM kept')).toBe(42)
    await postgres.stop()
  })

  it('a start also ends a server whose leash was killed too', async () => {
    const dataDir = join(folder.path, 'postgres')
    const holder = await holdEmbedded(dataDir, '-')
    const leashes = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.includes('tollgate-leash') && line.includes(dataDir))
      .map((line) => Number(line.trim().split(' ')[0]))
    for (const pid of leashes) process.kill(pid, 'SIGKILL')
    await holder.kill()
    const postgres = await startEmbeddedPostgres({ dataDir, durability: 'fast' })
    expect(await ask(postgres.url, 'SELECT 1')).toBe(1)
    await postgres.stop()
  })

  it('a stale lock file that names a living stranger does not stop the start', async () => {
    const dataDir = join(folder.path, 'postgres')
    await (await startEmbeddedPostgres({ dataDir, durability: 'fast' })).stop()
    writeFileSync(join(dataDir, 'postmaster.pid'), `${process.pid}\n${dataDir}\n0\n1\n\n127.0.0.1\n`)
    const postgres = await startEmbeddedPostgres({ dataDir, durability: 'fast' })
    expect(await ask(postgres.url, 'SELECT 1')).toBe(1)
    await postgres.stop()
  })
})
