import { BlockList, isIP, isIPv6 } from 'node:net'

/** The block of addresses that one party is likely to hold as a whole: /24, or /56 of IPv6, however it is written. */
export function addressBlock(ip: string): string {
  const plain = ip.replace(/^::ffff:(?=\d+\.)/i, '')
  if (!isIPv6(plain)) return plain.split('.').slice(0, 3).join('.')
  const [head, tail] = plain.split('::').map((part) => (part === '' ? [] : part.split(':'))) as [string[], string[]?]
  const written = tail && tail.length + (tail.at(-1)?.includes('.') ? 1 : 0)
  const groups = tail ? [...head, ...Array<string>(8 - head.length - written!).fill('0'), ...tail] : head
  const [a, b, c, d] = groups.map((group) => group.toLowerCase().padStart(4, '0'))
  return `${a}:${b}:${c}:${d!.slice(0, 2)}`
}

/** @param ip as a socket or a trusted proxy names it: an IPv4 address may come in IPv6 notation */
export function isInside(ip: string, cidrs: readonly string[]): boolean {
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [network, bits] = cidr.split('/') as [string, string]
    list.addSubnet(network, Number(bits), isIPv6(network) ? 'ipv6' : 'ipv4')
  }
  return isIP(ip) !== 0 && list.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4')
}
