import { z } from 'zod'
import { permissionsOf, PLATFORM_ROLES, TENANT_ROLES } from '@tollgate/tenants/domain'
import type { Principal, TokenPair } from '@tollgate/tenants/people'

/** Tokens of a session. */
export const tokenPairReply = z
  .strictObject({
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.int().meta({ description: 'Seconds that the access token lives' }),
    refresh_token: z.string().meta({ description: 'Works once' }),
  })
  .meta({ id: 'TokenPair' })

export function tokenPairWire(pair: TokenPair): z.output<typeof tokenPairReply> {
  return { access_token: pair.accessToken, token_type: 'Bearer', expires_in: pair.expiresInSeconds, refresh_token: pair.refreshToken }
}

/** Who is logged in, and what they may do. */
export const signedInReply = z
  .strictObject({
    id: z.uuid(),
    email: z.string(),
    realm: z.string().meta({ enum: ['platform', 'tenant'] }),
    role: z.string().meta({ enum: [...new Set([...PLATFORM_ROLES, ...TENANT_ROLES])] }),
    tenant: z.string().nullable().meta({ description: 'Its slug; null of an operator' }),
    // The platform's owner holds all there are.
    permissions: z.array(z.enum(permissionsOf('platform:owner'))),
  })
  .meta({ id: 'SignedInPerson' })

export function signedInWire(who: Principal): z.output<typeof signedInReply> {
  const [realm = '', role = ''] = who.role.split(':')
  return { id: who.accountId, email: who.email, realm, role, tenant: who.tenantSlug, permissions: permissionsOf(who.role) }
}
