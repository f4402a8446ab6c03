import { createHash } from 'node:crypto'

/** What a document may hold: no fractions (amounts are decimal strings), nothing that JSON would drop or bend. */
export type Canonical = string | number | boolean | null | readonly Canonical[] | { readonly [name: string]: Canonical }

/**
 * The one text of a value: names sorted by UTF-16 code units, no white space, strings and whole numbers as ECMAScript
 * writes them. That is RFC 8785 for every value it takes.
 * @throws RangeError for a number that is not a safe integer and for text that is not Unicode
 */
export function canonicalJson(value: Canonical): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a safe integer`)
    return String(value)
  }
  if (typeof value === 'string') {
    if (/\p{Surrogate}/u.test(value)) throw new RangeError('text with half a surrogate pair has no canonical form')
    return JSON.stringify(value)
  }
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`
  const members = Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name]!)}`)
  return `{${members.join(',')}}`
}

/** SHA-256 of a text's UTF-8 bytes, as 64 hex digits. */
export function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex')
}

/** Where two values differ. `path` is such as `lines.2.amount`; a side that lacks the place is null. */
export interface Difference {
  readonly path: string
  readonly issued: Canonical
  readonly recomputed: Canonical
}

/** Every place where two values differ, at most `most` of them, in the order of names. */
export function differencesOf(issued: Canonical, recomputed: Canonical, most = 100, path = ''): Difference[] {
  if (isTree(issued) && isTree(recomputed)) {
    const names = [...new Set([...Object.keys(issued), ...Object.keys(recomputed)])].sort()
    const found: Difference[] = []
    for (const name of names) {
      if (found.length >= most) break
      found.push(...differencesOf(memberOf(issued, name), memberOf(recomputed, name), most - found.length, path === '' ? name : `${path}.${name}`))
    }
    return found
  }
  return issued === recomputed ? [] : [{ path, issued, recomputed }]
}

type Tree = readonly Canonical[] | { readonly [name: string]: Canonical }

function memberOf(tree: Tree, name: string): Canonical {
  return Object.hasOwn(tree, name) ? (tree as { readonly [name: string]: Canonical })[name]! : null
}

function isTree(value: Canonical): value is Tree {
  return typeof value === 'object' && value !== null
}

/** As Array.isArray, which does not know read-only lists. */
function isList(value: Tree): value is readonly Canonical[] {
  return Array.isArray(value)
}
