import { createRemoteJWKSet, jwtVerify } from 'jose'
import { request } from '../mutants/support/request.ts'
import type { AuthorizationServer } from './oidc-provider.ts'

/** What both SDKs want to know of a token. */
export interface Verified {
  readonly token: string
  readonly clientId: string
  readonly scopes: string[]
  readonly expiresAt: number
  readonly resource: URL
}

export type Verify = (token: string) => Promise<Verified | null>

/** By the keys of the authorization server: RFC 9068. What is revoked lives until it ends. */
export function byKeys(issuer: string, jwksUrl: string, resource: string): Verify {
  const keys = createRemoteJWKSet(new URL(jwksUrl))
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience: resource,
        typ: 'at+jwt',
        algorithms: ['RS256', 'ES256'],
        requiredClaims: ['exp', 'sub', 'client_id'],
      })
      return {
        token,
        clientId: String(payload['client_id']),
        scopes: typeof payload['scope'] === 'string' ? payload['scope'].split(' ') : [],
        expiresAt: payload.exp ?? 0,
        resource: new URL(resource),
      }
    } catch {
      return null
    }
  }
}

/** By asking the authorization server each time: RFC 7662. What is revoked is dead at once. */
export function byIntrospection({ issuer, introspector }: AuthorizationServer, resource: string): Verify {
  const proof = Buffer.from(`${introspector.clientId}:${introspector.clientSecret}`).toString('base64')
  return async (token) => {
    const answer = await request(`${issuer}/token/introspection`, {
      method: 'POST',
      headers: { authorization: `Basic ${proof}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
    })
    const claims = JSON.parse(answer.text) as Record<string, unknown>
    const isOurs = claims['active'] === true && claims['aud'] === resource && claims['token_type'] === 'Bearer'
    if (answer.status !== 200 || !isOurs) return null
    return {
      token,
      clientId: String(claims['client_id']),
      scopes: typeof claims['scope'] === 'string' ? claims['scope'].split(' ') : [],
      expiresAt: Number(claims['exp']),
      resource: new URL(resource),
    }
  }
}
