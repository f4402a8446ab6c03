import { canonicalModel } from '@tollgate/kernel'
import { followName, type NameBook } from './resolve'

/**
 * May this alias be written? Null = yes. `book.aliases[0]` is its own scope, the rest what it may lean on. A model's
 * name always wins over an alias, so an alias of that name would never be used.
 */
export function judgeAlias(alias: { name: string; target: string }, book: NameBook): { path: string; message: string } | null {
  const name = canonicalModel(alias.name)
  if (book.hasModel(name)) return { path: 'name', message: 'is the name of a model, which always wins over an alias' }
  const aliases = [new Map([...book.aliases[0]!, [name, canonicalModel(alias.target)]]), ...book.aliases.slice(1)]
  const found = followName(name, { ...book, aliases })
  return found.kind === 'broken' ? { path: 'target', message: `cannot be followed: ${found.why}` } : null
}
