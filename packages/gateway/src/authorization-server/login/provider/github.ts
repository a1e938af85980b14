import type { IdentityProvider } from '#core/snapshot.ts'
import { createFetchSmall } from '#net/fetch-small.ts'
import { parseJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'

const ANSWER_BYTES_MAX = 1024 * 1024
const TIMEOUT_MS = 5_000
const DEPTH_MAX = 16
const PAGE_SIZE = 100
const PAGES_MAX = 10

/** Where GitHub, or a GitHub Enterprise Server, has what. `issuer` is the address of its web pages. */
function placesOf({ issuer, apiUrl }: IdentityProvider) {
  return {
    authorize: `${issuer}/login/oauth/authorize`,
    token: `${issuer}/login/oauth/access_token`,
    api: apiUrl ?? 'https://api.github.com',
  }
}

/** GitHub speaks OAuth and no OpenID Connect: no ID token, no nonce, no issuer in the response. State, PKCE and an address of its own bind it. */
export function githubAuthorizationUrl(provider: IdentityProvider, parameters: Readonly<Record<string, string>>): URL {
  const url = new URL(placesOf(provider).authorize)
  url.search = new URLSearchParams({ client_id: provider.clientId, response_type: 'code', ...parameters }).toString()
  return url
}

export type GithubRedeemed = Readonly<Record<string, unknown>> | 'providerRefused' | 'providerUnreachable'

/**
 * Who came back, in the words of OpenID Connect: `sub` is the account's number, which is never given again, where its name may be. An address
 * is the primary one, if GitHub has checked it; groups are `organization/team`, for who asked for `read:org`.
 */
export async function redeemAtGithub(
  provider: IdentityProvider,
  code: string,
  { redirectUri, verifier }: { readonly redirectUri: string; readonly verifier: string },
): Promise<GithubRedeemed> {
  const { token: tokenUrl, api } = placesOf(provider)
  const ask = askerOf(provider)
  try {
    const form = new URLSearchParams({
      client_id: provider.clientId,
      client_secret: provider.secret?.reveal() ?? '',
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
    })
    const answer = await ask(tokenUrl, {}, form.toString())
    // Refusals have status 200 there.
    const token = isJsonObject(answer as never) ? (answer as { access_token?: unknown }).access_token : undefined
    if (typeof token !== 'string') return 'providerRefused'
    const headers = { authorization: `Bearer ${token}`, 'x-github-api-version': '2022-11-28' }
    const user = (await ask(`${api}/user`, headers)) as { id?: unknown; login?: unknown; name?: unknown }
    if (!Number.isSafeInteger(user.id) || typeof user.login !== 'string') return 'providerRefused'
    const email = provider.scopes.includes('user:email')
      ? await primaryAddress(`${api}/user/emails`, headers, ask)
      : null
    const groups = provider.scopes.includes('read:org') ? await teams(`${api}/user/teams`, headers, ask) : null
    return {
      sub: String(user.id),
      preferred_username: user.login,
      ...(typeof user.name === 'string' ? { name: user.name } : {}),
      ...(email === null ? {} : { email, email_verified: true }),
      ...(groups === null ? { hasgroups: true } : { groups }),
    }
  } catch {
    return 'providerUnreachable'
  }
}

type Ask = (url: string, headers: Readonly<Record<string, string>>, body?: string) => Promise<unknown>

function askerOf({ network }: IdentityProvider): Ask {
  const fetchSmall = createFetchSmall({ network, bytesMax: ANSWER_BYTES_MAX, timeoutMs: TIMEOUT_MS })
  return async (url, headers, body) => {
    const answer = await fetchSmall(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
      body: body ?? null,
    })
    if (answer.status !== 200) throw new Error('no answer of GitHub')
    const parsed = parseJson(Buffer.from(await answer.arrayBuffer()), { depthMax: DEPTH_MAX, numbers: 'request' })
    if (!parsed.ok) throw new Error('no JSON of GitHub')
    return parsed.value
  }
}

async function primaryAddress(url: string, headers: Record<string, string>, ask: Ask): Promise<string | null> {
  const found = (await ask(url, headers)) as readonly { email?: unknown; primary?: unknown; verified?: unknown }[]
  const primary = Array.isArray(found) ? found.find((one) => one?.primary === true && one.verified === true) : undefined
  return typeof primary?.email === 'string' ? primary.email : null
}

/** Null where there are more than anybody reads: unknown, and never none. */
async function teams(url: string, headers: Record<string, string>, ask: Ask): Promise<readonly string[] | null> {
  const names: string[] = []
  for (let page = 1; page <= PAGES_MAX; page += 1) {
    const found = (await ask(`${url}?per_page=${PAGE_SIZE}&page=${page}`, headers)) as readonly {
      slug?: unknown
      organization?: { login?: unknown }
    }[]
    if (!Array.isArray(found)) return null
    names.push(...found.map((team) => `${String(team?.organization?.login)}/${String(team?.slug)}`))
    if (found.length < PAGE_SIZE) return names
  }
  return null
}
