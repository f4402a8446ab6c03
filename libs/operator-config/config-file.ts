import { isStorable } from '@tollgate/kernel'
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, stringify, type Document, type Node } from 'yaml'
import type { Fault, Path, Place } from './domain/entry'

/** A file is for people to write: these bounds stop what is made to break a parser. */
const MOST_CHARACTERS = 1_000_000
const MOST_NODES = 50_000
const MOST_DEPTH = 32
const VARIABLE = /\$\{env:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g

/** The operator's file as plain values, each with its place. */
export class ConfigFile {
  /** What may stand at its top. */
  static readonly SECTIONS = ['version', 'name', 'namespace', 'default_model', 'tiers', 'models', 'aliases', 'prompts', 'hosts', 'prices', 'tenants', 'runtime', 'mcp'] as const

  constructor(
    readonly root: unknown,
    private readonly places: ReadonlyMap<string, Place>,
  ) {}

  /** Where a path stands; of one that is not there, where the nearest part before it stands. */
  placeOf(path: Path): Place {
    for (let length = path.length; length >= 0; length--) {
      const place = this.places.get(JSON.stringify(path.slice(0, length)))
      if (place) return place
    }
    return { line: 1, column: 1 }
  }

  /** A fault at a path. */
  fault(path: Path, message: string): Fault {
    return { ...this.placeOf(path), path: path.join('.'), message }
  }
}

/**
 * Reads a file. Variables are put in after parsing, into texts alone: whatever a value holds, it cannot add a key.
 * @param variables what `${env:NAME}` stands for @param section the only one whose variables must be set; absent = all @returns every fault, with line and column
 */
export function readConfig(text: string, variables: Readonly<Record<string, string | undefined>>, section?: string): { readonly kind: 'read'; readonly file: ConfigFile } | { readonly kind: 'faulty'; readonly faults: Fault[] } {
  if (text.length > MOST_CHARACTERS) return { kind: 'faulty', faults: [{ line: 1, column: 1, path: '', message: `the file is longer than ${MOST_CHARACTERS} characters` }] }
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, uniqueKeys: true, merge: false, strict: true })
  const placeAt = (offset: number): Place => {
    const { line, col } = counter.linePos(offset)
    return { line, column: col }
  }
  const told = [...document.errors, ...document.warnings]
  // Once the form is lost, what follows is lost with it: its first fault is the one to mend.
  const lostAt = told.findIndex(({ code }) => code !== 'DUPLICATE_KEY')
  const broken = lostAt < 0 ? told : told.slice(0, lostAt + 1)
  if (broken.length > 0) return { kind: 'faulty', faults: broken.map(({ code, message, pos }) => ({ ...placeAt(pos[0]), path: '', message: code === 'DUPLICATE_KEY' ? 'this key stands twice in its object' : sentenceOf(message) })) }
  const reader = new Reader(document, variables, placeAt, section)
  const root = reader.read(document.contents, [])
  if (reader.faults.length > 0) return { kind: 'faulty', faults: reader.faults }
  return { kind: 'read', file: new ConfigFile(root ?? {}, reader.places) }
}

/** A file of plain values, for people to read. */
export function writeConfig(value: object): string {
  return stringify(value, { lineWidth: 120, aliasDuplicateObjects: false })
}

/** Names of the variables that a file asks for; a file that does not parse asks for none. */
export function variablesOf(text: string): string[] {
  const names = new Set<string>()
  readConfig(text, new Proxy({}, { get: (_target, name) => (names.add(String(name)), ''), has: () => true }))
  return [...names]
}

/** Walks the parsed document into plain values, noting where each stands. */
class Reader {
  readonly places = new Map<string, Place>()
  readonly faults: Fault[] = []
  private nodes = 0

  constructor(
    private readonly document: Document,
    private readonly variables: Readonly<Record<string, string | undefined>>,
    private readonly placeAt: (offset: number) => Place,
    private readonly section: string | undefined,
  ) {}

  read(node: unknown, path: Path, before: Place = { line: 1, column: 1 }): unknown {
    const place = this.note(node as Node | null, path, before)
    if (++this.nodes > MOST_NODES || path.length > MOST_DEPTH) {
      // One fault is enough: the rest of the file is not read.
      if (this.nodes < Infinity) this.faults.push({ ...place, path: '', message: `more than ${MOST_NODES} values, or values more than ${MOST_DEPTH} deep, are not read` })
      this.nodes = Infinity
      return null
    }
    if (isAlias(node)) return this.read(node.resolve(this.document) ?? null, path, place)
    if (isSeq(node)) return node.items.map((item, i) => this.read(item, [...path, i], place))
    if (isScalar(node)) return typeof node.value === 'string' ? this.expand(node.value, path, place) : node.value
    if (isMap(node)) return this.readMap(node.items, path, place)
    return null
  }

  private readMap(items: readonly { readonly key: unknown; readonly value: unknown }[], path: Path, place: Place): Record<string, unknown> {
    const value: Record<string, unknown> = {}
    for (const { key, value: inner } of items) {
      const name = isScalar(key) ? String(key.value) : null
      if (name === null || name === '__proto__' || !isStorable(name)) this.faults.push({ ...this.note(key as Node, [...path, '?'], place), path: path.join('.'), message: 'a key must be a plain name' })
      else {
        const keyPlace = this.note(key as Node, [...path, name], place)
        value[name] = this.read(inner, [...path, name], keyPlace)
        // A fault of a field is shown at its name: there people look for it.
        this.places.set(JSON.stringify([...path, name]), keyPlace)
      }
    }
    return value
  }

  private expand(text: string, path: Path, place: Place): string {
    const expanded = text.replace(VARIABLE, (_whole, name: string, preset: string | undefined) => {
      const value = this.variables[name]
      const isAsked = this.section === undefined || path[0] === this.section
      if (value === undefined && preset === undefined && isAsked) this.faults.push({ ...place, path: path.join('.'), message: `the variable ${name} is not set; \${env:${name}:-…} gives a default` })
      return value ?? preset ?? ''
    })
    if (!isStorable(expanded)) this.faults.push({ ...place, path: path.join('.'), message: 'holds a character that is none: NUL, or half of one' })
    if (/\$\{env:/.test(text.replace(VARIABLE, ''))) this.faults.push({ ...place, path: path.join('.'), message: 'a variable is written ${env:NAME} or ${env:NAME:-default}' })
    return expanded
  }

  private note(node: Node | null, path: Path, before: Place): Place {
    const place = node?.range ? this.placeAt(node.range[0]) : before
    this.places.set(JSON.stringify(path), place)
    return place
  }
}

/** The parser's sentences begin in capitals and end without a point; ours stand inside a line. */
function sentenceOf(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1)
}
