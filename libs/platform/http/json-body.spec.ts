import fc from 'fast-check'
import { RefusalError } from '@tollgate/kernel'
import { parseJsonBody } from './json-body'

/** Strings that look like structure: quotes, backslashes, brackets, commas. */
const tricky = fc.string({ unit: fc.constantFrom('"', '\\', '[', '{', ']', '}', ',', 'a', 'é', '漢', '\n', '\0'), maxLength: 12 })
const reasonOf = (text: string): string | null => {
  try {
    parseJsonBody(Buffer.from(text))
    return null
  } catch (error) {
    return (error as RefusalError).refusal.message
  }
}
const nest = (depth: number, inner: string) => '['.repeat(depth) + inner + ']'.repeat(depth)

describe('a JSON body', () => {
  it('is what JSON.parse makes of it, whatever its strings hold', () => {
    fc.assert(fc.property(fc.jsonValue({ stringUnit: 'grapheme', maxDepth: 5 }), fc.array(tricky), (value, strings) => expect(parseJsonBody(Buffer.from(JSON.stringify({ value, strings })))).toEqual({ value: JSON.parse(JSON.stringify(value)) as unknown, strings })))
  })

  it('may be 32 levels deep and no deeper; brackets in strings are no levels', () => {
    fc.assert(
      fc.property(tricky, (text) => {
        const inner = JSON.stringify(text)
        expect([reasonOf(nest(32, inner)), reasonOf(nest(33, inner))]).toEqual([null, expect.stringContaining('nested deeper than 32 levels')])
        expect(reasonOf(nest(33, `${inner},${inner}`))).toContain('nested deeper than 32 levels')
      }),
    )
  })

  it('may have 50 000 elements; commas in strings separate none', () => {
    const list = (count: number) => `[${Array.from({ length: count }, () => '",,\\",\\\\"').join()}]`
    expect(reasonOf(list(50_000))).toBeNull()
    expect(reasonOf(list(50_001))).toContain('more than 50000 elements')
  })

  it.each(['"', '"\\', '"\\"', '["a', '{"a":"b\\\\\\"', '"a"b"', ''])('that ends within a string, %j, is no JSON', (text) => expect(reasonOf(text)).toMatch(/not valid JSON|body is empty/))

  it('of escapes alone is read once, not once a quote', () => {
    const text = JSON.stringify('\\"'.repeat(1_000_000))
    expect(parseJsonBody(Buffer.from(text))).toHaveLength(2_000_000)
  })
})
