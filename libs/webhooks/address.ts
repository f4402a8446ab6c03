import type { Environment } from '@tollgate/platform/config'
import { addressPolicyOf, checkBaseUrl, type AddressPolicy } from '@tollgate/platform/outbound'

/**
 * Which addresses endpoints may have (security.md, SSRF). The operator's go where hosts may be. A tenant's go to public
 * addresses over https and never to a network that the operator opened for hosts: whoever can name an address there could
 * have us call the fleet. This machine is allowed in development only.
 */
export function policyFor(owner: 'tenant' | 'platform', config: Environment): AddressPolicy {
  return owner === 'platform' ? addressPolicyOf(config) : { allowedCidrs: [], allowedPorts: [], allowLoopback: config.TOLLGATE_ALLOW_LOOPBACK_HOSTS }
}

/** Why an endpoint may not have this URL, for whoever gave it; null = it may. Each connection is checked again by address. */
export function urlProblem(url: string, owner: 'tenant' | 'platform', config: Environment): string | null {
  if (!URL.canParse(url)) return 'is not a URL'
  const parsed = new URL(url)
  if (parsed.username || parsed.password || parsed.hash) return 'must have no user name, password or fragment'
  // Receivers may want a query; hosts may not have one.
  const verdict = checkBaseUrl(parsed.origin + parsed.pathname, policyFor(owner, config))
  if (owner === 'platform') return verdict.ok ? null : verdict.reason
  const isPlain = parsed.protocol !== 'https:' && !isThisMachine(parsed.hostname)
  return verdict.ok && !isPlain ? null : 'must be a public https address'
}

/** Names `checkBaseUrl` lets through for this machine, when it does. */
function isThisMachine(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
