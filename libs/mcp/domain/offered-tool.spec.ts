import fc from 'fast-check'
import { offerTools } from './offered-tool'

const tool = (name: string, inputSchema: Record<string, unknown> = { type: 'object' }) => ({ name, description: 'd', inputSchema })
const names = (server: string, tools: string[], taken: string[] = []) => offerTools(server, tools.map((name) => tool(name)), new Set(taken)).offered.map(({ alias }) => alias)

describe('offered tools', () => {
  it('carry their server in their name', () => expect(names('files', ['read', 'list-all'])).toEqual(['mcp__files__read', 'mcp__files__list-all']))
  it('keep their names apart where a mark had to go, and give the same names again', () => {
    const [dot, line] = names('a', ['x.y', 'x_y'])
    expect(line).toBe('mcp__a__x_y')
    expect(dot).toMatch(/^mcp__a__x_y_[0-9a-f]{8}$/)
    expect(names('a', ['x.y'])).toEqual([dot])
  })
  it('give way to a client that has the name', () => expect(names('a', ['b'], ['mcp__a__b'])).toEqual([expect.stringMatching(/^mcp__a__b_[0-9a-f]{8}$/)]))
  it('leave out the dialect of a schema and keep the rest', () => {
    const { offered } = offerTools('a', [tool('b', { $schema: 'x', type: 'object', properties: { c: { $ref: '#/$defs/d' } }, $defs: { d: {} } })], new Set())
    expect(offered[0]!.definition).toEqual({ type: 'function', function: { name: 'mcp__a__b', description: 'd', parameters: { type: 'object', properties: { c: { $ref: '#/$defs/d' } }, $defs: { d: {} } } } })
  })
  it('are left out, by name, when their schema is too large', () => {
    const { offered, tooLarge } = offerTools('a', [tool('big', { type: 'object', description: 'x'.repeat(20_000) }), tool('small')], new Set())
    expect([offered.map((one) => one.tool), tooLarge]).toEqual([['small'], ['big']])
  })
  it('have names that every model API takes, no two alike, whatever a server calls its tools', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1, maxLength: 128 }), { maxLength: 20 }), fc.array(fc.string(), { maxLength: 3 }), (tools, taken) => {
        const aliases = names('Server.1', tools, taken)
        expect(aliases.every((alias) => /^[A-Za-z0-9_-]{1,64}$/.test(alias) && !taken.includes(alias))).toBe(true)
        expect(new Set(aliases).size).toBe(tools.length)
      }),
    )
  })
})
