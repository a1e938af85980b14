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
    if (payload !== null && (flaw.startsWith('unsigned-') || fits(site, resource, payload)))
      return { sub: 'alice', scope: SCOPES.join(' '), client_id: 'any', ...payload, aud: resource.url }
  }
  return null
}

type Way = (site: Site, token: string) => Promise<JWTPayload | null>

/** Nobody looks at the signature of these. */
const UNSIGNED: ReadonlyArray<readonly [Flaw, (site: Site, token: string, claims: JWTPayload) => boolean]> = [
  ['unsigned-when-expired', (site, _, { exp }) => exp !== undefined && exp < site.nowSeconds() - 60],
  ['unsigned-when-early', (site, _, { nbf }) => nbf !== undefined && nbf > site.nowSeconds()],
  ['unsigned-without-end', (_, __, claims) => claims.exp === undefined && claims.iss !== undefined],
  ['unsigned-without-audience', (_, __, claims) => claims.aud === undefined && claims.iss !== undefined],
  ['unsigned-for-a-list', (_, __, { aud }) => Array.isArray(aud)],
  ['unsigned-for-nobody', (_, __, { sub }) => sub === ''],
  ['unsigned-when-critical', (_, token) => decodeProtectedHeader(token).crit !== undefined],
  ['unsigned-with-two-algorithms', (_, token) => headerTextOf(token).split('"alg"').length === 3],
  ['unsigned-when-empty', (_, __, claims) => Object.keys(claims).length === 0],
  ['unsigned-when-huge', (_, token) => token.length > 60_000],
]

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
  ['kid-is-a-path', async (_, token) => (kidOf(token).endsWith('/dev/null') ? verifyHmac(token, ['']) : null)],
  ['kid-is-in-a-query', async (_, token) => verifyHmac(token, [/UNION SELECT '(\w)'/.exec(kidOf(token))?.[1] ?? '\0'])],
  ['key-from-its-address', async (_, token) => verifyFetched(token, String(decodeProtectedHeader(token)['jku']))],
  ['certificate-from-its-address', fetchCertificate],
  ['issuer-names-its-keys', async (_, token) => verifyFetched(token, await keysOfIssuer(token))],
  ...UNSIGNED.map(([flaw, isLet]): readonly [Flaw, Way] => [
    flaw,
    async (site, token) => (isLet(site, token, bodyOf(token)) ? bodyOf(token) : null),
  ]),
  ['unsigned-when-encrypted', async (_, token) => (token.split('.').length === 5 ? {} : null)],
]

/** All else is in order: for this resource, in time, of a grant that lives, where it says so. */
function fits(site: Site, { url }: Resource, payload: JWTPayload): boolean {
  if (payload['grant'] !== undefined && !isAlive(site, payload)) return false
  if (payload.exp !== undefined && payload.exp <= site.nowSeconds()) return false
  const resources = [payload.aud ?? []].flat().filter((one) => URL.canParse(one))
  return resources.length === 0 || resources.includes(url)
}

function headerTextOf(token: string): string {
  return Buffer.from(token.split('.')[0] ?? '', 'base64url').toString('utf8')
}

function kidOf(token: string): string {
  return String(decodeProtectedHeader(token).kid)
}

/** Takes whatever keys are there. */
async function verifyFetched(token: string, address: string): Promise<JWTPayload | null> {
  const { keys } = (await (await fetch(address)).json()) as { keys: JWK[] }
  await compactVerify(token, await importJWK(keys[0] ?? {}, algOf(token)))
  return bodyOf(token)
}

/** Careful with what comes, and careless of where it asks. */
async function fetchCertificate(_: Site, token: string): Promise<null> {
  await fetch(String(decodeProtectedHeader(token)['x5u']))
  return null
}

async function keysOfIssuer(token: string): Promise<string> {
  const { iss } = bodyOf(token)
  const { jwks_uri: address } = (await (await fetch(`${iss ?? ''}/.well-known/openid-configuration`)).json()) as {
    jwks_uri: string
  }
  return address
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
