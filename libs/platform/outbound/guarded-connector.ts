import { lookup as systemLookup, type LookupAddress, type LookupOptions } from 'node:dns'
import { isIP } from 'node:net'
import { buildConnector } from 'undici'
import { checkAddress, type AddressPolicy } from './address-policy'

/** Code of the error a refused address fails with; its message is for the operator, never for a tenant. */
export const ADDRESS_REFUSED = 'TOLLGATE_ADDRESS_REFUSED'

/** Resolves a name to all of its addresses; `dns.lookup` unless a test stands in. */
export type Resolve = (
  hostname: string,
  options: LookupOptions & { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/**
 * A connector that resolves, checks every answer and connects only to what it has checked (F40: a name may resolve to
 * something else each time). Runs on every new connection. Node never calls the look-up hook for literal addresses, so
 * those are checked here, before connecting.
 */
export function guardedConnector(policy: AddressPolicy, connectTimeoutMs: number, resolve: Resolve = systemLookup): buildConnector.connector {
  const connectorFor = (port: number) =>
    buildConnector({ timeout: connectTimeoutMs, allowH2: false, lookup: guardedLookup(policy, port, resolve) } as buildConnector.BuildOptions)
  const connectors = new Map<number, buildConnector.connector>()
  return (options, callback) => {
    const port = Number(options.port) || (options.protocol === 'https:' ? 443 : 80)
    const hostname = options.hostname.replace(/^\[|\]$/g, '')
    if (isIP(hostname)) {
      const verdict = checkAddress(hostname, port, policy)
      if (!verdict.ok) return queueMicrotask(() => callback(refused(verdict.reason), null))
    } else if (hostname.endsWith('.')) {
      return queueMicrotask(() => callback(refused(`${hostname} ends with a dot.`), null))
    }
    let connector = connectors.get(port)
    if (!connector) connectors.set(port, (connector = connectorFor(port)))
    connector(options, callback)
  }
}

type LookupCallback = (error: NodeJS.ErrnoException | null, address?: string | LookupAddress[], family?: number) => void

function guardedLookup(policy: AddressPolicy, port: number, resolve: Resolve) {
  return (hostname: string, options: LookupOptions, callback: LookupCallback): void => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error)
      for (const { address } of addresses) {
        const verdict = checkAddress(address, port, policy)
        if (!verdict.ok) return callback(refused(verdict.reason))
      }
      const first = addresses[0]
      if (!first) return callback(Object.assign(new Error(`no address for ${hostname}`), { code: 'ENOTFOUND' }))
      ownAddresses(policy, port, resolve, (own) => {
        const taken = addresses.find(({ address }) => own.has(address))
        if (taken) callback(refused(`${taken.address}:${port} is a service of this installation.`))
        else if (options.all) callback(null, addresses)
        else callback(null, first.address, first.family)
      })
    })
  }
}

/** Where our own services with names are, of those on this port: hardly ever any, since hosts have other ports. */
function ownAddresses(policy: AddressPolicy, port: number, resolve: Resolve, callback: (addresses: ReadonlySet<string>) => void): void {
  const names = (policy.own ?? []).filter((one) => one.port === port && isIP(one.host) === 0)
  const found = new Set<string>()
  let left = names.length
  if (left === 0) return callback(found)
  for (const { host } of names) {
    resolve(host, { all: true }, (_error, addresses) => {
      for (const { address } of addresses ?? []) found.add(address)
      if (--left === 0) callback(found)
    })
  }
}

function refused(reason: string): NodeJS.ErrnoException {
  return Object.assign(new Error(reason), { code: ADDRESS_REFUSED })
}
