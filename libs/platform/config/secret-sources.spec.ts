import childProcess from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SecretBox } from '@tollgate/platform/secrets'
import { parseEnvironment } from './config'

const [ONE, TWO, THREE] = ['the first key of this spec, long enough', 'the second key of this spec, long enough', 'the third key of this spec, long enough']

describe('secrets from files', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tollgate-secrets-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }

  it('are what the files hold, without the line end that editors leave', () => {
    const config = parseEnvironment({ TOLLGATE_SECRETS_KEY_FILE: file('key', `${ONE}\n`), TOLLGATE_KEY_PEPPER_FILE: file('pepper', TWO), TOLLGATE_JWT_SECRET: THREE })
    expect(config).toMatchObject({ TOLLGATE_SECRETS_KEY: ONE, TOLLGATE_KEY_PEPPER: TWO, TOLLGATE_JWT_SECRET: THREE })
    expect(Object.keys(config).filter((name) => name.endsWith('KEY_FILE'))).toEqual([])
  })

  it('rotate as those of the environment do, further keys on lines of their own', () => {
    // None of these keys may have a comma: it ends a key in a list.
    const [old, former, fresh] = [ONE, TWO, THREE].map((key) => key.replaceAll(',', ''))
    const sealed = new SecretBox(old!).seal('sk-secret', 'host')
    const { TOLLGATE_SECRETS_KEY: key, TOLLGATE_SECRETS_KEYS_ALSO: also } = parseEnvironment({ TOLLGATE_SECRETS_KEY_FILE: file('new', fresh!), TOLLGATE_SECRETS_KEYS_ALSO_FILE: file('also', `${former}\r\n${old}\n`) })
    expect([key, also]).toEqual([fresh, [former, old]])
    const box = new SecretBox(key!, also)
    expect([box.open(sealed, 'host'), new SecretBox(fresh!).open(box.rewrap(sealed, 'host')!, 'host')]).toEqual(['sk-secret', 'sk-secret'])
  })

  it.each<[string, (path: string) => Record<string, string>, RegExp]>([
    ['a file that is not there', (path) => ({ TOLLGATE_SECRETS_KEY_FILE: `${path}.gone` }), /^TOLLGATE_SECRETS_KEY_FILE cannot be read: ENOENT/],
    ['an empty file', () => ({ TOLLGATE_SECRETS_KEY_FILE: file('empty', ' \n') }), /^TOLLGATE_SECRETS_KEY_FILE is empty/],
    ['a secret given both ways', (path) => ({ TOLLGATE_SECRETS_KEY_FILE: path, TOLLGATE_SECRETS_KEY: TWO }), /^TOLLGATE_SECRETS_KEY and TOLLGATE_SECRETS_KEY_FILE are both set/],
    ['a key that is too short', () => ({ TOLLGATE_SECRETS_KEY_FILE: file('short', 'hush hush') }), /^TOLLGATE_SECRETS_KEY is not valid/],
    ['a secret given by a file and a program', (path) => ({ TOLLGATE_SECRETS_KEY_FILE: path, TOLLGATE_SECRETS_KEY_COMMAND: 'x' }), /^TOLLGATE_SECRETS_KEY_FILE and TOLLGATE_SECRETS_KEY_COMMAND are both set/],
    ['a setting that takes no file', (path) => ({ TOLLGATE_URL_FILE: path }), /^TOLLGATE_URL_FILE is not a setting/],
  ])('%s is refused by name, and nothing of a secret is said', (_name, env, problem) => {
    const path = file('key', ONE)
    const message = (() => {
      try {
        return JSON.stringify(parseEnvironment(env(path)))
      } catch (error) {
        return (error as Error).message
      }
    })()
    expect(message).toMatch(problem)
    expect(message).not.toMatch(/long enough|hush/)
  })
})

describe('secrets from programs', () => {
  const printing = (code: string, ...args: string[]) => JSON.stringify([process.execPath, '-e', code, ...args])
  const problemOf = (env: Record<string, string>): string => {
    try {
      return `none: ${JSON.stringify(parseEnvironment(env))}`
    } catch (error) {
      return (error as Error).message
    }
  }

  it('are what they print, without the line end; arguments reach them as they are, by no shell', () => {
    const config = parseEnvironment({ TOLLGATE_SECRETS_KEY_COMMAND: printing('console.log(process.argv[1])', `${ONE}; echo $HOME "*"`), TOLLGATE_SECRETS_KEYS_ALSO_COMMAND: printing('console.log(process.argv.slice(1).join("\\n"))', ...[TWO, THREE].map((key) => key.replaceAll(',', ''))) })
    expect(config.TOLLGATE_SECRETS_KEY).toBe(`${ONE}; echo $HOME "*"`)
    expect(config.TOLLGATE_SECRETS_KEYS_ALSO).toHaveLength(2)
    expect(Object.keys(config).filter((name) => name.endsWith('_COMMAND'))).toEqual([])
  })

  it('run once, are given the environment but none of these secrets', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-secrets-'))
    const seen = join(folder, 'seen')
    const code = `require('fs').appendFileSync(process.env.SEEN, Object.keys(process.env).filter((name) => /SEEN|TOLLGATE/.test(name)).sort().join() + '\\n'); console.log('${TWO}')`
    expect(parseEnvironment({ SEEN: seen, TOLLGATE_JWT_SECRET: THREE, TOLLGATE_KEY_PEPPER_COMMAND: printing(code) })).toMatchObject({ TOLLGATE_KEY_PEPPER: TWO, TOLLGATE_JWT_SECRET: THREE })
    expect(readFileSync(seen, 'utf8')).toBe('SEEN,TOLLGATE_KEY_PEPPER_COMMAND\n')
    rmSync(folder, { recursive: true })
  })

  it.each([
    ['one that is not there', '/no/such/program', /^TOLLGATE_SECRETS_KEY_COMMAND failed: ENOENT$/],
    ['one that fails', printing(`console.log('${ONE}'); console.error('${TWO}'); process.exit(3)`), /^TOLLGATE_SECRETS_KEY_COMMAND failed: exit status 3$/],
    ['one that says nothing', printing(`console.error('${ONE}')`), /^TOLLGATE_SECRETS_KEY_COMMAND printed nothing$/],
    ['one that says too much', printing(`process.stdout.write('${ONE}'.repeat(3_000))`), /^TOLLGATE_SECRETS_KEY_COMMAND failed: ENOBUFS$/],
    ['a key that is too short', printing("console.log('hush hush')"), /^TOLLGATE_SECRETS_KEY is not valid/],
    ['a list of no program', '[]', /^TOLLGATE_SECRETS_KEY_COMMAND must be the path of a program, or a JSON list/],
    ['half a list', `["${process.execPath}", "hush hush"`, /^TOLLGATE_SECRETS_KEY_COMMAND must be the path of a program, or a JSON list/],
    ['words that are no text', '["x", 7]', /^TOLLGATE_SECRETS_KEY_COMMAND must be/],
  ])('%s is refused by name, and nothing of what it was told or says is repeated', (_name, command, problem) => {
    const message = problemOf({ TOLLGATE_SECRETS_KEY_COMMAND: command })
    expect(message).toMatch(problem)
    expect(message).not.toMatch(/long enough|hush/)
  })

  it('a setting that is no secret takes none', () => expect(problemOf({ TOLLGATE_URL_COMMAND: 'x' })).toMatch(/^TOLLGATE_URL_COMMAND is not a setting/))

  it('one that does not end is ended, and the start with it', () => {
    // The ten seconds are the system's to keep: here it is asked for fewer.
    const spawn = jest.spyOn(childProcess, 'execFileSync')
    const startedMs = performance.now()
    spawn.mockImplementationOnce(((file: string, args: string[], options: object) => {
      expect(options).toMatchObject({ timeout: 10_000 })
      spawn.mockRestore()
      return childProcess.execFileSync(file, args, { ...options, timeout: 200 })
    }) as never)
    expect(problemOf({ TOLLGATE_SECRETS_KEY_COMMAND: printing("process.on('SIGTERM', () => {}); setInterval(() => {}, 1_000)") })).toBe('TOLLGATE_SECRETS_KEY_COMMAND failed: ETIMEDOUT')
    expect(performance.now() - startedMs).toBeLessThan(5_000)
  })
})
