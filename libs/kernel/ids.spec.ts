import fc from 'fast-check'
import { isUuid, uuidv7 } from './ids'

const random = fc.uint8Array({ minLength: 10, maxLength: 16 })
const instant = fc.integer({ min: 0, max: 2 ** 48 - 1 })

describe('UUIDv7', () => {
  it('is a lower-case UUID of version 7, variant 10, with the time in its first 48 bits', () => {
    fc.assert(
      fc.property(instant, random, (nowMs, bytes) => {
        const id = uuidv7(nowMs, bytes)
        expect(isUuid(id)).toBe(true)
        expect(id[14]).toBe('7')
        expect('89ab').toContain(id[19])
        expect(Number.parseInt(id.replace('-', '').slice(0, 12), 16)).toBe(nowMs)
      }),
    )
  })

  it('sorts as text by time', () => {
    fc.assert(fc.property(instant, instant, random, random, (a, b, x, y) => (a === b ? true : uuidv7(a, x) < uuidv7(b, y) === a < b)))
  })

  it('keeps all 74 random bits it has room for', () => {
    fc.assert(
      fc.property(random, (bytes) => {
        const flipped = bytes.map((byte, i) => (i === 9 ? byte ^ 1 : byte))
        expect(uuidv7(1, flipped)).not.toBe(uuidv7(1, bytes))
      }),
    )
  })
})

describe('isUuid', () => {
  it.each(['', 'x', '019A0000-0000-7000-8000-000000000001', '019a0000-0000-7000-8000-00000000000', '{019a0000-0000-7000-8000-000000000001}', '019a0000-0000-7000-8000-000000000001\n', "019a0000-0000-7000-8000-000000000001'--"])('refuses %j', (text) => {
    expect(isUuid(text)).toBe(false)
  })
})
