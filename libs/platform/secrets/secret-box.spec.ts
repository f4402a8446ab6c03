import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { SecretBox } from './secret-box'

const [OLD, NEW] = ['the first key of this spec, long enough', 'the second key of this spec, long enough']
const WHO = 'platform|openai|host-1|secret'

/** A box as the first version made it: no key id, no version in what is bound. */
function firstVersion(key: string, plain: string, context: string): Buffer {
  const seal = (with_: Buffer, text: Buffer) => {
    const iv = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', with_, iv).setAAD(Buffer.from(context))
    const sealed = Buffer.concat([cipher.update(text), cipher.final()])
    return Buffer.concat([iv, cipher.getAuthTag(), sealed])
  }
  const dataKey = randomBytes(32)
  return Buffer.concat([Buffer.of(1), seal(createHash('sha256').update(`tollgate secrets ${key}`).digest(), dataKey), seal(dataKey, Buffer.from(plain))])
}

describe('a sealed secret', () => {
  const box = new SecretBox(OLD)

  it('opens to what it was, whatever that was, and is never the same twice', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (plain) => {
      const [one, two] = [box.seal(plain, WHO), box.seal(plain, WHO)]
      expect([box.open(one, WHO), one.equals(two)]).toEqual([plain, false])
      if (plain.length > 3) expect(one.includes(plain)).toBe(false)
    }))
  })

  it('does not open when any bit of it was flipped or it was cut anywhere', () => {
    const sealed = box.seal('sk-secret', WHO)
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const altered = Buffer.from(sealed)
      altered[bit >> 3]! ^= 1 << (bit & 7)
      expect(() => box.open(altered, WHO)).toThrow()
      expect(() => new SecretBox(NEW, [OLD]).rewrap(altered, WHO)).toThrow()
    }
    for (let length = 0; length < sealed.length; length++) expect(() => box.open(sealed.subarray(0, length), WHO)).toThrow()
  })

  it.each(['acme|openai|host-1|secret', 'platform|openrouter|host-1|secret', 'platform|openai|host-2|secret', 'platform|openai|host-1|other', ''])('does not open for %s', (other) => {
    expect(() => box.open(box.seal('sk-secret', WHO), other)).toThrow()
  })

  it('does not open with the parts of two boxes, nor under another key', () => {
    const [one, two] = [box.seal('sk-one', WHO), box.seal('sk-two', WHO)]
    const textAt = 5 + 12 + 16 + 32
    expect(() => box.open(Buffer.concat([one.subarray(0, textAt), two.subarray(textAt)]), WHO)).toThrow()
    expect(() => new SecretBox(NEW).open(one, WHO)).toThrow(box.keyId)
  })
})

describe('rotation of the wrapping key', () => {
  const [before, both, after] = [new SecretBox(OLD, [NEW]), new SecretBox(NEW, [OLD]), new SecretBox(NEW)]

  it('leaves the text alone, wraps under the first key, and does it once', () => {
    const sealed = before.seal('sk-secret', WHO)
    expect([both.isOld(sealed), before.isOld(sealed)]).toEqual([true, false])
    const wrapped = both.rewrap(sealed, WHO)!
    expect(wrapped.subarray(-9)).toEqual(sealed.subarray(-9))
    expect(wrapped.subarray(0, 5)).toEqual(both.prefix)
    expect([both.rewrap(wrapped, WHO), both.isOld(wrapped)]).toEqual([null, false])
    for (const reader of [before, both, after]) expect(reader.open(wrapped, WHO)).toBe('sk-secret')
    expect(() => after.open(sealed, WHO)).toThrow()
  })

  it('takes boxes of the first version along, bound as they were', () => {
    const sealed = firstVersion(OLD, 'sk-secret', 'host|1')
    for (const reader of [new SecretBox(OLD), both]) {
      expect(reader.open(sealed, WHO, 'host|1')).toBe('sk-secret')
      expect(reader.isOld(sealed)).toBe(true)
    }
    expect(() => both.open(sealed, WHO)).toThrow()
    expect(after.open(both.rewrap(sealed, WHO, 'host|1')!, WHO)).toBe('sk-secret')
  })

  it('does not turn a box into one of the first version', () => {
    const sealed = before.seal('sk-secret', WHO)
    expect(() => both.open(Buffer.concat([Buffer.of(1), sealed.subarray(5)]), WHO)).toThrow()
  })
})
