import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import ts from 'typescript'
import { ERRORS } from '../libs/kernel'

const root = join(__dirname, '..')
const SOURCE_FOLDERS = ['apps', 'libs']
const MOST_FILE_LINES = 250
const MOST_FUNCTION_LINES = 60
const MOST_DEPENDENCIES = 5
const MOST_CORRIDOR_DEPENDENCIES = 8
const MOST_KERNEL_LINES = 600
const MOST_FACE_EXPORTS = 12
const MOST_README_LINES = 60
const FORBIDDEN_FOLDERS = ['utils', 'common', 'shared', 'helpers', 'types', 'interfaces']
/** File roles: `concept.role.ts`; a file without a role is pure or a plain part of its room. */
const ROLES = ['module', 'service', 'store', 'table', 'guard', 'controller', 'schema', 'wire', 'job', 'adapter', 'filter', 'spec', 'storage', 'strategy', 'token', 'contract', 'e2e', 'd']

function* walk(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'fixtures') continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* walk(path)
    else yield path
  }
}

const files = [...SOURCE_FOLDERS, 'test', 'scripts'].flatMap((folder) => [...walk(join(root, folder))])
const sources = files.filter((file) => /\.(ts|mjs)$/.test(file))
const product = sources.filter((file) => SOURCE_FOLDERS.some((folder) => file.startsWith(join(root, folder))) && !/\.spec\.ts$|-fixture\.ts$/.test(file)) // fixtures belong to specs
const name = (file: string) => relative(root, file)
const text = (file: string) => readFileSync(file, 'utf8')
const lines = (file: string) => text(file).split('\n').length - 1

/** Every function, method and constructor of a file, with its length in lines and its number of parameters. */
function functionsOf(file: string): { label: string; lines: number; parameters: number; isConstructor: boolean }[] {
  const source = ts.createSourceFile(file, text(file), ts.ScriptTarget.ES2022)
  const found: { label: string; lines: number; parameters: number; isConstructor: boolean }[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      const start = source.getLineAndCharacterOfPosition(node.getStart(source)).line
      const end = source.getLineAndCharacterOfPosition(node.getEnd()).line
      found.push({ label: `${name(file)}:${start + 1}`, lines: end - start + 1, parameters: node.parameters.length, isConstructor: ts.isConstructorDeclaration(node) })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

describe('the house', () => {
  it(`keeps every source file within ${MOST_FILE_LINES} lines`, () => {
    expect(product.filter((file) => lines(file) > MOST_FILE_LINES).map((file) => `${name(file)}: ${lines(file)}`)).toEqual([])
  })

  it(`keeps every function within ${MOST_FUNCTION_LINES} lines`, () => {
    const long = product.flatMap(functionsOf).filter((fn) => fn.lines > MOST_FUNCTION_LINES)
    expect(long.map((fn) => `${fn.label}: ${fn.lines}`)).toEqual([])
  })

  it(`gives injected classes at most ${MOST_DEPENDENCIES} dependencies, the corridor at most ${MOST_CORRIDOR_DEPENDENCIES}`, () => {
    const injected = product.filter((file) => /@(Injectable|Controller|Catch)\(/.test(text(file)))
    const most = (file: string) => (name(file).startsWith('libs/chat/') ? MOST_CORRIDOR_DEPENDENCIES : MOST_DEPENDENCIES)
    const heavy = injected.flatMap((file) => functionsOf(file).filter((fn) => fn.isConstructor && fn.parameters > most(file)))
    expect(heavy.map((fn) => `${fn.label}: ${fn.parameters}`)).toEqual([])
  })

  it(`keeps the kernel within ${MOST_KERNEL_LINES} lines in all`, () => {
    const kernel = product.filter((file) => name(file).startsWith('libs/kernel/'))
    expect(kernel.reduce((sum, file) => sum + lines(file), 0)).toBeLessThanOrEqual(MOST_KERNEL_LINES)
  })

  it(`shows a face of at most ${MOST_FACE_EXPORTS} named exports, never export *`, () => {
    const faces = product.filter((file) => basename(file) === 'index.ts' && !name(file).startsWith('libs/kernel/'))
    const names = (face: string) => [...text(face).matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap((match) => match[1]!.split(',').filter((part) => part.trim() !== ''))
    expect(faces.filter((face) => /export \*/.test(text(face))).map(name)).toEqual([])
    expect(faces.filter((face) => names(face).length > MOST_FACE_EXPORTS).map((face) => `${name(face)}: ${names(face).length}`)).toEqual([])
  })

  it('has no folder named after nothing', () => {
    const folders = [...new Set(files.flatMap((file) => relative(root, dirname(file)).split('/')))]
    expect(folders.filter((folder) => FORBIDDEN_FOLDERS.includes(folder))).toEqual([])
  })

  it('names files by concept and role', () => {
    const odd = product.filter((file) => {
      const [concept, ...roles] = basename(file).replace(/\.(ts|mjs)$/, '').split('.')
      return !/^[a-z0-9]+([-_][a-z0-9]+)*$/.test(concept!) || roles.some((role) => !ROLES.includes(role))
    })
    expect(odd.map(name)).toEqual([])
  })

  it('reads the environment in one place only', () => {
    const readers = product.filter((file) => /process\.env/.test(text(file)) && !name(file).startsWith('libs/platform/config/'))
    expect(readers.map(name)).toEqual([])
  })

  it('reads clocks and randomness in one place only', () => {
    const readers = product.filter((file) => /Date\.now\(|new Date\(\)|performance\.now\(|Math\.random\(|randomUUID\(/.test(text(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')))
    const allowed = /^libs\/platform\/(clock|embedded)\/|^apps\/(sandbox|cli)\//
    expect(readers.map(name).filter((file) => !allowed.test(file))).toEqual([])
  })

  it('never uses global fetch, forwardRef or @Global outside platform', () => {
    const bad = product.filter((file) => /\bfetch\(|forwardRef\(|@Global\(\)/.test(text(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')) && !name(file).startsWith('libs/platform/process/'))
    expect(bad.map(name)).toEqual([])
  })

  it('puts a sentence on every export of a room', () => {
    const undocumented = product
      .filter((file) => name(file).startsWith('libs/') && basename(file) !== 'index.ts' && !/\.(module|table)\.ts$|scripted-/.test(file))
      .flatMap((file) => [...text(file).matchAll(/(^|\n)([^\n]*)\n(?:@[^\n]*\n)*export (?:abstract )?(?:class|function|interface|async function) (\w+)/g)].filter((match) => !/\*\/\s*$|^@/.test(match[2]!)).map((match) => `${name(file)}: ${match[3]}`))
    expect(undocumented).toEqual([])
  })

  it('gives every room a README of at most 60 lines, tables not counted', () => {
    const rooms = readdirSync(join(root, 'libs')).filter((folder) => statSync(join(root, 'libs', folder)).isDirectory())
    const long = files.filter((file) => basename(file) === 'README.md' && text(file).split('\n').filter((line) => !line.startsWith('|')).length > MOST_README_LINES)
    expect(rooms.filter((room) => !files.includes(join(root, 'libs', room, 'README.md')))).toEqual([])
    expect(long.map(name)).toEqual([])
  })

  it('keeps the error catalogue and its table in step', () => {
    const table = text(join(root, 'libs/kernel/README.md'))
    const rows = [...table.matchAll(/^\| `(\w+)` \| (\d{3}) \| (\w+) \|/gm)].map(([, code, status, type]) => `${code} ${status} ${type}`)
    expect(rows.sort()).toEqual(Object.entries(ERRORS).map(([code, { status, type }]) => `${code} ${status} ${type}`).sort())
  })
})
