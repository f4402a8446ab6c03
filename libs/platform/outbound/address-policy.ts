import { BlockList, isIP, isIPv6 } from 'node:net'

/** Which addresses hosts may have. Empty lists are the default: public addresses on the well-known ports only. */
export interface AddressPolicy {
  /** CIDRs of private hosts, e.g. `10.0.1.0/24`. Needed for private, shared (100.64/10) and reserved ranges. */
  readonly allowedCidrs: readonly string[]
  /** Development only: lets hosts be on 127.0.0.0/8 and ::1, on any port. */
  readonly allowLoopback: boolean
  /** Ports beside 80, 443, 11434 and 8000–8999: `9000` or a range `9000-9100`. */
  readonly allowedPorts: readonly string[]
  /** Where our own Postgres, Redis and listener are: never hosts, whatever else is allowed. */
  readonly own?: readonly OwnEndpoint[]
}

/** One of our own services. `host` is an address or a name, which is resolved when somebody asks for its port. */
export interface OwnEndpoint {
  readonly host: string
  readonly port: number
}

/** The answer of a check. `reason` is a sentence for the operator that says what to do. */
export type AddressVerdict = { readonly ok: true } | { readonly ok: false; readonly reason: string }

const OK: AddressVerdict = { ok: true }

/** Never reachable, whatever the policy lists: they name other networks' insides or the machine's own metadata. */
const FORBIDDEN = ranges({
  'a cloud metadata service': ['169.254.169.254/32', '100.100.100.200/32', 'fd00:ec2::254/128'],
  'link-local': ['169.254.0.0/16', 'fe80::/10'],
  multicast: ['224.0.0.0/4', 'ff00::/8'],
  unspecified: ['0.0.0.0/8', '::/128'],
  'a broadcast or reserved address': ['240.0.0.0/4'],
  'a translated IPv4 address': ['::ffff:0:0:0/96'],
  'a NAT64 address': ['64:ff9b::/96', '64:ff9b:1::/48'],
  'a 6to4 address': ['2002::/16'],
  'a Teredo address': ['2001::/32'],
})

/** Reachable only when listed. */
const RESTRICTED = ranges({
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7', 'fec0::/10'],
  'shared (carrier-grade NAT)': ['100.64.0.0/10'],
  'reserved for special use': ['192.0.0.0/24', '192.0.2.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32', '100::/64'],
})

const LOOPBACK = listOf(['127.0.0.0/8', '::1/128'])
/** ::1 and :: lie within it, so it is not in the lists above. */
const V4_COMPATIBLE = listOf(['::/96'])
const METADATA_NAMES = new Set(['metadata', 'metadata.google.internal', 'metadata.goog', 'metadata.azure.internal', 'instance-data', 'instance-data.ec2.internal'])

/** May a connection go to this literal address and port? Called with every DNS answer, on every new connection. */
export function checkAddress(address: string, port: number, policy: AddressPolicy): AddressVerdict {
  const family = isIP(address)
  if (family === 0 || address.includes('%')) return no(`${address} is not a plain IP address. Use an address without a zone.`)
  const type = family === 6 ? 'ipv6' : 'ipv4'
  if (policy.own?.some((one) => one.port === port && isSamePlace(one.host, address))) return no(`${address}:${port} is a service of this installation, which is never a model host. Use the host's own address.`)
  // BlockList takes ::ffff:a.b.c.d for its IPv4 form, so these are told apart before any list is asked.
  if (family === 6 && isEmbeddedIpv4(address)) return no(`${address} is an IPv4 address in IPv6 form. Write the IPv4 address itself.`)
  if (LOOPBACK.check(address, type)) {
    return policy.allowLoopback ? OK : no(`${address} is a loopback address. Set TOLLGATE_ALLOW_LOOPBACK_HOSTS=true on a development machine.`)
  }
  const forbidden = FORBIDDEN.find(({ list }) => list.check(address, type))
  if (forbidden) return no(`${address} is ${forbidden.name}, which is never a model host. Use the host's own address.`)
  const restricted = RESTRICTED.find(({ list }) => list.check(address, type))
  if (restricted && !isListed(address, type, policy.allowedCidrs)) {
    return no(`${address} is ${restricted.name}. Add its network to TOLLGATE_HOST_CIDRS if it is yours.`)
  }
  return checkPort(port, policy)
}

/** May a host have this base URL? Names are checked again, by every address they resolve to, when connecting. */
export function checkBaseUrl(url: string, policy: AddressPolicy): AddressVerdict {
  if (!URL.canParse(url)) return no('The base URL is not a URL. Write it as http://10.0.1.10:11434.')
  const { protocol, hostname, username, password, port, search, hash } = new URL(url)
  if (protocol !== 'http:' && protocol !== 'https:') return no('The base URL must start with http:// or https://.')
  if (username || password) return no('The base URL holds a user name or password. Store the credential as the secret of the host.')
  if (search || hash) return no('The base URL has a query or fragment. Give the address up to the path only.')
  const number = port ? Number(port) : protocol === 'https:' ? 443 : 80
  if (policy.own?.some((one) => one.port === number && one.host === hostname)) return no(`${hostname}:${number} is a service of this installation, which is never a model host. Use the host's own address.`)
  const literal = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  if (isIP(literal)) return checkAddress(literal, number, policy)
  if (hostname.endsWith('.')) return no(`${hostname} ends with a dot. Write the name without it.`)
  if (METADATA_NAMES.has(hostname)) return no(`${hostname} is a cloud metadata service, which is never a model host. Use the host's own name.`)
  if (hostname === 'localhost' || hostname.endsWith('.localhost')) {
    return policy.allowLoopback ? OK : no(`${hostname} is this machine. Set TOLLGATE_ALLOW_LOOPBACK_HOSTS=true on a development machine.`)
  }
  return checkPort(number, policy)
}

/** All of loopback is one place. */
function isSamePlace(own: string, address: string): boolean {
  if (own === address) return true
  const isLoopback = (text: string) => text === 'localhost' || (isIP(text) !== 0 && LOOPBACK.check(text, isIPv6(text) ? 'ipv6' : 'ipv4'))
  return isLoopback(own) && isLoopback(address)
}

function checkPort(port: number, { allowedPorts }: AddressPolicy): AddressVerdict {
  if (port === 80 || port === 443 || port === 11434 || (port >= 8000 && port <= 8999)) return OK
  const isAllowed = allowedPorts.some((item) => {
    const [from, to = from] = item.split('-').map(Number)
    return port >= from! && port <= to!
  })
  return isAllowed ? OK : no(`Port ${port} is not open for hosts. Use 80, 443, 11434 or 8000–8999, or add it to TOLLGATE_HOST_PORTS.`)
}

/** v4-mapped and v4-compatible addresses, in any spelling. */
function isEmbeddedIpv4(address: string): boolean {
  const hostname = new URL(`http://[${address}]`).hostname.slice(1, -1)
  return /^::ffff:[0-9a-f]+:[0-9a-f]+$/.test(hostname) || (V4_COMPATIBLE.check(hostname, 'ipv6') && hostname !== '::' && hostname !== '::1')
}

function isListed(address: string, type: 'ipv4' | 'ipv6', cidrs: readonly string[]): boolean {
  return cidrs.length > 0 && listOf(cidrs).check(address, type)
}

function ranges(groups: Record<string, string[]>): readonly { name: string; list: BlockList }[] {
  return Object.entries(groups).map(([name, cidrs]) => ({ name, list: listOf(cidrs) }))
}

/** @throws TypeError for a CIDR that is not one: the configuration is wrong and the process must not start. */
function listOf(cidrs: readonly string[]): BlockList {
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [address = '', bits] = cidr.split('/')
    const type = isIPv6(address) ? 'ipv6' : 'ipv4'
    list.addSubnet(address, bits === undefined ? (type === 'ipv6' ? 128 : 32) : Number(bits), type)
  }
  return list
}

function no(reason: string): AddressVerdict {
  return { ok: false, reason }
}
