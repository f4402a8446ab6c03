import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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
