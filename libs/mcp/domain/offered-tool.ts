import { createHash } from 'node:crypto'

/** A tool as its server lists it. */
export interface ListedTool {
  readonly name: string
  readonly description: string
  /** JSON Schema of its arguments, an object. */
  readonly inputSchema: Readonly<Record<string, unknown>>
}

/** A tool of a server as a model is offered it, under a name that clashes with no other. */
export interface OfferedTool {
  readonly alias: string
  readonly server: string
  readonly tool: string
  /** In OpenAI's shape, as `tools` of a request hold it. */
  readonly definition: Readonly<Record<string, unknown>>
}

/** Names that model APIs take. */
const MOST_ALIAS_CHARS = 64
const HASH_CHARS = 8
const MOST_DESCRIPTION_CHARS = 2_048
const MOST_SCHEMA_BYTES = 16 * 1024

/**
 * Tools under names that model APIs take and that nobody else uses: `mcp__server__tool`. What had to be changed or cut,
 * or is taken already (`taken` = names of the caller's own tools), carries a hash of its whole name, so that the same
 * tools always get the same names. Tools whose schema is too large are left out and named.
 */
export function offerTools(server: string, tools: readonly ListedTool[], taken: ReadonlySet<string>): { readonly offered: OfferedTool[]; readonly tooLarge: string[] } {
  const used = new Set(taken)
  const tooLarge: string[] = []
  const offered = tools.flatMap(({ name, description, inputSchema }) => {
    const { $schema: _dialect, ...parameters } = inputSchema
    if (Buffer.byteLength(JSON.stringify(parameters)) > MOST_SCHEMA_BYTES) {
      tooLarge.push(name)
      return []
    }
    const alias = aliasOf(server, name, used)
    used.add(alias)
    return [{ alias, server, tool: name, definition: { type: 'function', function: { name: alias, description: description.slice(0, MOST_DESCRIPTION_CHARS), parameters } } }]
  })
  return { offered, tooLarge }
}

function aliasOf(server: string, tool: string, used: ReadonlySet<string>): string {
  const whole = `mcp__${server}__${tool}`
  const plain = whole.replace(/[^A-Za-z0-9_-]/g, '_')
  if (plain === whole && plain.length <= MOST_ALIAS_CHARS && !used.has(plain)) return plain
  for (let turn = 0; ; turn++) {
    const hash = createHash('sha256').update(`${turn} ${whole}`).digest('hex').slice(0, HASH_CHARS)
    const alias = `${plain.slice(0, MOST_ALIAS_CHARS - HASH_CHARS - 1)}_${hash}`
    if (!used.has(alias)) return alias
  }
}
