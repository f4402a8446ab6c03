import { createHash } from 'node:crypto'

/** The unit vector of a text: it follows from the text alone, and a shorter one is the longer one cut and stretched. */
export function vectorOf(text: string, dimensions: number): number[] {
  const seed = createHash('sha256').update(text).digest()
  let state = seed.readUInt32LE(0) || 1
  const raw: number[] = []
  let squares = 0
  for (let index = 0; index < dimensions; index++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    const value = (state >>> 0) / 0xffffffff - 0.5
    raw.push(value)
    squares += value * value
  }
  const length = Math.sqrt(squares) || 1
  // Rounded to what a float32 holds, so that the list and the base64 form agree to the bit.
  return raw.map((value) => Math.fround(value / length))
}

/** A vector as little-endian float32 in base64, OpenAI's compact form. */
export function base64Of(vector: number[]): string {
  const bytes = Buffer.alloc(vector.length * 4)
  vector.forEach((value, index) => bytes.writeFloatLE(value, index * 4))
  return bytes.toString('base64')
}
