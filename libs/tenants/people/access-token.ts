/** Who signs and who may read the control plane's access tokens. Data-plane API keys are no tokens. */
export const TOKEN_ISSUER = 'tollgate'
export const TOKEN_AUDIENCE = 'tollgate-control-plane'

/** The one algorithm: never taken from the token itself (F31). */
export const TOKEN_ALGORITHM = 'HS256'

export const ACCESS_TOKEN_SECONDS = 15 * 60

/** What an access token says. `sid` is the log-in session: ending it ends the token. */
export interface AccessClaims {
  readonly sub: string
  readonly sid: string
  readonly jti: string
  readonly iat: number
  readonly nbf: number
  readonly exp: number
}

/** Are all claims there, in form and in force? Signature, issuer, audience and expiry are checked before. @param nowMs epoch ms */
export function areSound(claims: Partial<AccessClaims>, nowMs: number): claims is AccessClaims {
  const isText = [claims.sub, claims.sid, claims.jti].every((value) => typeof value === 'string' && value.length > 0 && value.length <= 100)
  const isWhole = [claims.iat, claims.nbf, claims.exp].every((value) => Number.isSafeInteger(value))
  if (!isText || !isWhole) return false
  const { nbf, exp, iat } = claims as AccessClaims
  return nbf * 1000 <= nowMs && nowMs < exp * 1000 && exp - iat <= ACCESS_TOKEN_SECONDS
}
