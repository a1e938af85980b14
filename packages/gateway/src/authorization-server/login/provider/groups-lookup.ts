import { importPKCS8, SignJWT } from 'jose'
import type { IdentityProvider } from '#core/snapshot.ts'
import { createFetchSmall } from '#net/fetch-small.ts'
import { parseJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'

const ANSWER_BYTES_MAX = 1024 * 1024
const TIMEOUT_MS = 5_000
const DEPTH_MAX = 16
/** Pages of a directory; more groups than that is more than anybody can be given roles by. */
const PAGES_MAX = 10
const GROUPS_MAX = 5_000
/** An assertion is used at once. */
const ASSERTION_SECONDS = 300

type Claims = Readonly<Record<string, unknown>>
type Lookup = NonNullable<NonNullable<IdentityProvider['roles']>['lookup']>
type Json = Readonly<Record<string, unknown>>

/**
 * The names of somebody's groups, asked for where the ID token does not have them. Null where that is not known: which is never taken for
 * none.
 */
export async function lookUpGroups(
  claims: Claims,
  provider: IdentityProvider,
  lookup: Lookup,
  nowSeconds: number,
): Promise<readonly string[] | null> {
  try {
    const ask = askerOf(provider)
    return lookup.kind === 'graph'
      ? await memberObjects(claims, provider, lookup, ask)
      : await directoryGroups(claims, lookup, ask, nowSeconds)
  } catch {
    return null
  }
}

/** Rejects for everything but one JSON object with status 200. */
type Ask = (url: string, headers: Readonly<Record<string, string>>, body?: string) => Promise<Json>

function askerOf({ network }: IdentityProvider): Ask {
  const fetchSmall = createFetchSmall({ network, bytesMax: ANSWER_BYTES_MAX, timeoutMs: TIMEOUT_MS })
  return async (url, headers, body) => {
    const answer = await fetchSmall(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { accept: 'application/json', ...headers },
      body: body ?? null,
    })
    const parsed = parseJson(Buffer.from(await answer.arrayBuffer()), { depthMax: DEPTH_MAX, numbers: 'request' })
    if (answer.status !== 200 || !parsed.ok || !isJsonObject(parsed.value)) throw new Error('no answer to a lookup')
    return parsed.value
  }
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

/** Microsoft Graph `getMemberObjects`, as the application: also the groups that a token has no room for. */
async function memberObjects(
  { oid }: Claims,
  { issuer, clientId, secret }: IdentityProvider,
  { endpoint }: Lookup,
  ask: Ask,
): Promise<readonly string[] | null> {
  if (typeof oid !== 'string' || !/^[\w-]{1,64}$/.test(oid) || secret === null) return null
  const tokenEndpoint = `${issuer.replace(/\/v2\.0$/, '')}/oauth2/v2.0/token`
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: secret.reveal(),
    scope: `${endpoint}/.default`,
  })
  const { access_token: token } = await ask(tokenEndpoint, FORM, form.toString())
  const headers = { authorization: `Bearer ${String(token)}`, 'content-type': 'application/json' }
  const asked = JSON.stringify({ securityEnabledOnly: false })
  const { value } = await ask(`${endpoint}/v1.0/users/${oid}/getMemberObjects`, headers, asked)
  return namesOf(value)
}

/** Google's Directory API, by a service account that acts for an administrator: ID tokens there have no groups at all. */
async function directoryGroups(
  { sub }: Claims,
  { endpoint, account }: Lookup,
  ask: Ask,
  nowSeconds: number,
): Promise<readonly string[] | null> {
  if (typeof sub !== 'string' || !/^[\w-]{1,64}$/.test(sub) || account === null) return null
  const key = await importPKCS8(account.key.reveal(), 'RS256')
  const assertion = await new SignJWT({ scope: 'https://www.googleapis.com/auth/admin.directory.group.readonly' })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .setIssuer(account.email)
    .setSubject(account.actsFor)
    .setAudience(account.tokenEndpoint)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + ASSERTION_SECONDS)
    .sign(key)
  const form = new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion })
  const { access_token: token } = await ask(account.tokenEndpoint, FORM, form.toString())
  const headers = { authorization: `Bearer ${String(token)}` }
  const names: string[] = []
  let pageToken: unknown = ''
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const query = new URLSearchParams({ userKey: sub, maxResults: '200' })
    if (pageToken !== '') query.set('pageToken', String(pageToken))
    const answer: Json = await ask(`${endpoint}/admin/directory/v1/groups?${query.toString()}`, headers)
    const found = answer['groups'] ?? []
    const here = Array.isArray(found)
      ? namesOf(found.map((group: unknown) => (isObject(group) ? group['email'] : null)))
      : null
    if (here === null) return null
    names.push(...here)
    pageToken = answer['nextPageToken']
    if (pageToken === undefined) return names
  }
  // There is more, which nobody has read.
  return null
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null
}

function namesOf(value: unknown): readonly string[] | null {
  if (!Array.isArray(value) || value.length > GROUPS_MAX) return null
  return value.every((name): name is string => typeof name === 'string') ? value : null
}
