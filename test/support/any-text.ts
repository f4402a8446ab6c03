import fc from 'fast-check'

/**
 * Any character but half a surrogate pair, one in three of them ASCII: the unit of `fc.string({ unit: anyCharacter })`.
 * fast-check's own 'binary' takes more than a second to set up, in every spec file anew.
 */
export const anyCharacter = fc
  .oneof(fc.integer({ min: 0, max: 0x7f }), fc.integer({ min: 0x80, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10ffff }))
  .map((code) => String.fromCodePoint(code))
