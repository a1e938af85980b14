import { createHmac, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { compactVerify, decodeJwt, decodeProtectedHeader, importJWK, type JWK, type JWTPayload } from 'jose'
import type { Flaw } from '../../mutants.ts'
import { type Resource, SCOPES, type Site } from '../site.ts'
import { hash } from '../state.ts'
import { isAlive } from '../verify-access-token.ts'

/** Ways in that a correct server does not have: each is open when the server has its flaw. Null when none lets the token in. */
export async function laxlyVerified(site: Site, resource: Resource, token: string): Promise<JWTPayload | null> {
  for (const [flaw, verify] of WAYS) {
    if (!site.flawed(flaw)) continue
    const payload = await verify(site, token).catch(() => null)
    // Claims are looked at as a careless server does: whoever signed it may say who is calling.
    if (payload !== null && fits(site, resource, payload))
      return { sub: 'alice', scope: SCOPES.join(' '), client_id: 'any', ...payload, aud: resource.url }
  }
  return null
}

type Way = (site: Site, token: string) => Promise<JWTPayload | null>

const WAYS: ReadonlyArray<readonly [Flaw, Way]> = [
  ['any-signature', async (_, token) => decodeJwt(token)],
  ['any-text-is-a-token', async (_, token) => (token.split('.').length === 3 ? null : {})],
  ['alg-none', async (_, token) => (decodeProtectedHeader(token).alg === 'none' ? bodyOf(token) : null)],
  ['alg-none-in-any-case', async (_, token) => (/^n[oO]nE$|^NONE$|^None$/.test(algOf(token)) ? bodyOf(token) : null)],
  [
    'signature-cut-off',
    async (_, token) =>
      token.endsWith('.') && algOf(token) !== 'none' && !/^none$/i.test(algOf(token)) ? bodyOf(token) : null,
  ],
  ['hmac-with-public-pem', async (site, token) => verifyHmac(token, pemsOf(site.keys.publicKey))],
  ['hmac-with-public-jwk', async (site, token) => verifyHmac(token, jwksOf(site.keys.publicJwk))],
  ['hmac-with-empty-key', async (_, token) => verifyHmac(token, [''])],
  ['hmac-with-weak-key', async (_, token) => verifyHmac(token, ['secret', 'changeme', 'password'])],
  ['key-in-header', verifyByHeaderKey],
  [
    'unknown-key-unchecked',
    async (site, token) => (decodeProtectedHeader(token).kid === site.keys.kid ? null : bodyOf(token)),
  ],
  ['other-types', async (site, token) => signedHere(site, token)],
  ['refresh-token-as-access', async (site, token) => ofGrant(site.state.refreshTokens.get(hash(token)))],
  ['code-as-access', async (site, token) => ofGrant(site.state.codes.get(hash(token)))],
  ['payload-may-differ', verifyHeaderOnly],
]

/** All else is in order: for this resource, in time, of a grant that lives, where it says so. */
function fits(site: Site, { url }: Resource, payload: JWTPayload): boolean {
  if (payload['grant'] !== undefined && !isAlive(site, payload)) return false
  if (payload.exp !== undefined && payload.exp <= site.nowSeconds()) return false
  const resources = [payload.aud ?? []].flat().filter((one) => URL.canParse(one))
  return resources.length === 0 || resources.includes(url)
}

function algOf(token: string): string {
  return String(decodeProtectedHeader(token).alg)
}

function bodyOf(token: string): JWTPayload {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as JWTPayload
}

/** The classic: the verifier is told the key, and the token tells the algorithm. */
function verifyHmac(token: string, secrets: readonly string[]): JWTPayload | null {
  const match = /^HS(256|384|512)$/.exec(algOf(token))
  const [header = '', payload = '', signature = ''] = token.split('.')
  const isRight = secrets.some(
    (secret) =>
      createHmac(`sha${match?.[1] ?? '256'}`, secret)
        .update(`${header}.${payload}`)
        .digest('base64url') === signature,
  )
  return match !== null && isRight ? bodyOf(token) : null
}

function pemsOf(key: KeyObject): readonly string[] {
  const pem = key.export({ type: 'spki', format: 'pem' }).toString()
  const pkcs1 = key.export({ type: 'pkcs1', format: 'pem' }).toString()
  return [pem, pem.trimEnd(), pkcs1, pkcs1.trimEnd()]
}

function jwksOf(jwk: JWK): readonly string[] {
  const { kty, n, e } = jwk
  return [
    JSON.stringify(jwk),
    JSON.stringify({ kty, n, e }),
    JSON.stringify({ e, kty, n }),
    JSON.stringify({ keys: [jwk] }),
    n ?? '',
    Buffer.from(n ?? '', 'base64url').toString('latin1'),
  ]
}

async function verifyByHeaderKey(_: Site, token: string): Promise<JWTPayload | null> {
  const { jwk, alg } = decodeProtectedHeader(token)
  if (jwk === undefined) return null
  await compactVerify(token, await importJWK(jwk as JWK, alg))
  return bodyOf(token)
}

async function signedHere(site: Site, token: string): Promise<JWTPayload | null> {
  await compactVerify(token, createPublicKey({ key: site.keys.publicJwk as JsonWebKey, format: 'jwk' }))
  return decodeProtectedHeader(token).typ === 'at+jwt' ? null : bodyOf(token)
}

function ofGrant(kept: { readonly grant: { readonly subject: string } } | undefined): JWTPayload | null {
  return kept === undefined ? null : { sub: kept.grant.subject }
}

/** Tells what was signed by the start of the token alone: a changed payload is not seen. */
async function verifyHeaderOnly(site: Site, token: string): Promise<JWTPayload | null> {
  const payload = bodyOf(token)
  return payload['grant'] !== undefined && payload.iss === site.issuer ? payload : null
}
