import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto'

/** Cost of new hashes: 2¹⁵ × 8 × 128 bytes = 32 MiB, three passes. Old hashes carry their own cost. */
const COST = { N: 2 ** 15, r: 8, p: 3 }
const SALT_BYTES = 16
const HASH_BYTES = 32
const MOST_MEMORY_BYTES = 128 * 1024 * 1024
const FORM = /^scrypt\$(\d{1,8})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)$/

/** Hashes a password into a string that describes itself: `scrypt$N$r$p$salt$hash`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const hash = await derive(password, salt, HASH_BYTES, COST)
  return `scrypt$${COST.N}$${COST.r}$${COST.p}$${salt.toString('base64')}$${hash.toString('base64')}`
}

/** Is this the password? Null (nobody has this address) takes as long as a wrong one, and is false. */
export async function isPassword(password: string, stored: string | null): Promise<boolean> {
  const match = stored === null ? null : FORM.exec(stored)
  if (!match) {
    await derive(password, Buffer.alloc(SALT_BYTES), HASH_BYTES, COST)
    return false
  }
  const [, N, r, p, salt, hash] = match as unknown as [string, string, string, string, string, string]
  const expected = Buffer.from(hash, 'base64')
  const actual = await derive(password, Buffer.from(salt, 'base64'), expected.length, { N: Number(N), r: Number(r), p: Number(p) })
  return timingSafeEqual(actual, expected)
}

function derive(password: string, salt: Buffer, length: number, cost: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, length, { ...cost, maxmem: MOST_MEMORY_BYTES }, (error, hash) => (error ? reject(error) : resolve(hash)))
  })
}
