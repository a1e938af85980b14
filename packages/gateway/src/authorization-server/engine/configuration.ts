import { type Client, type Context, errors, type Grant, type Session, type TokenSource } from 'oidc-provider'
import { CLIENT_AUTH_METHODS } from '#core/client-grant-types.ts'
import type { Clock } from '#core/clock.ts'
import { asSubjectId } from '#core/ids.ts'
import { pathOf, tenantOf } from '#core/issuer-url.ts'
import { DEFAULT_TOKEN_ALGORITHM } from '#core/token-algorithms.ts'
import { cookieName } from '#http/cookie-name.ts'
import { DPOP_ALGORITHMS } from '#identity/sender/dpop-proof.ts'
import { DPOP_NONCES } from '#identity/sender/proof-nonces.ts'
import type { Sealer } from '#keys/sealer.ts'
import type { SigningKeys } from '#keys/signing-keys.ts'
import { findProtectedResource } from '#policy/admin-api.ts'
import { freshSeconds } from '#policy/login-demands.ts'
import { splitScopes } from '#policy/scopes.ts'
import type { Store } from '#store/ports/store.ts'
import { SCOPES_UNKNOWN_PARAMETER } from '../authorize-parameters.ts'
import { accessTokenSeconds, idleSeconds, takesRefreshToken } from '../lifetimes.ts'
import { CERTIFICATE_AUTH_METHODS, CLIENT_ASSERTION_ALGORITHMS } from '../metadata.ts'
import { ACR_PARAMETER, MAX_AGE_PARAMETER } from '../request-demand.ts'
import { allScopesOf } from '../requested-scopes.ts'
import { subjectMatches } from '../sender/subject-matches.ts'
import { createAdapter } from './adapter.ts'
import { DEVICE_CODE_SECONDS, deviceFlow } from './device-hooks.ts'
import { renderAuthorizationError } from './error-pages.ts'
import { fetchKeys, JWKS_BYTES_MAX } from './fetch-keys.ts'
import { isTimeKnownIn } from './login-mark.ts'
import { prompts } from './prompts.ts'
import { bindToBoth, requireBinding } from './require-binding.ts'
import { currentUnit } from './unit-of-work.ts'

/** RFC 6749 §4.1.2 recommends at most ten minutes; the client has the code within seconds. */
const CODE_SECONDS = 60
/** How long a person may take over login and consent. */
export const INTERACTION_SECONDS = 600
/** Clock difference allowed for client assertions. The engine also allows it for its own documents, whose expiry the store has judged by then. */
const CLOCK_TOLERANCE_SECONDS = 15

/** Of the engine's session with a browser. */
export const SESSION_COOKIE = '__Host-sallyport-session'
const COOKIE = { httpOnly: true, sameSite: 'lax', secure: true, signed: true, overwrite: true } as const

export interface ConfigurationDependencies {
  /** `P`, or a tenant's. */
  readonly issuer: string
  readonly keys: SigningKeys
  readonly sealer: Sealer
  readonly store: Store
  readonly clock: Clock
}

/** The whole of what we tell the engine. Anything that could change while we run is read from the request's own snapshot. */
export function engineConfiguration({ issuer, keys, sealer, store, clock }: ConfigurationDependencies): object {
  const tenant = tenantOf(issuer)
  return {
    adapter: createAdapter,
    jwks: { keys: keys.signers.map(({ privateJwk }) => privateJwk) },
    routes: {
      authorization: '/oauth/authorize',
      pushed_authorization_request: '/oauth/par',
      device_authorization: '/oauth/device_authorization',
      code_verification: '/device',
      token: '/oauth/token',
      revocation: '/oauth/revoke',
    },

    responseTypes: ['code'],
    pkce: { required: () => true },
    allowOmittingSingleRegisteredRedirectUri: false,
    scopes: [],
    extraParams: [SCOPES_UNKNOWN_PARAMETER, MAX_AGE_PARAMETER, ACR_PARAMETER],
    clientAuthMethods: [...CLIENT_AUTH_METHODS, ...CERTIFICATE_AUTH_METHODS],
    clientDefaults: { response_types: ['code'], id_token_signed_response_alg: DEFAULT_TOKEN_ALGORITHM },
    enabledJWA: {
      clientAuthSigningAlgValues: [...CLIENT_ASSERTION_ALGORITHMS],
      dPoPSigningAlgValues: [...DPOP_ALGORITHMS],
    },
    clockTolerance: CLOCK_TOLERANCE_SECONDS,

    cookies: {
      // `__Host-` binds the login session to this host; the other two are bound to one path each, which that prefix forbids.
      names: {
        session: cookieName(SESSION_COOKIE, tenant),
        interaction: cookieName('sallyport-interaction', tenant),
        resume: cookieName('sallyport-resume', tenant),
      },
      long: COOKIE,
      short: COOKIE,
      keys: keys.cookieKeys,
    },

    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      deviceFlow,
      dPoP: {
        enabled: true,
        // Nonces are made of this and the time: every replica knows those of the others, and a restart forgets none.
        nonceSecret: Buffer.from(sealer.deriveKey(DPOP_NONCES)),
        requireNonce: () => currentUnit().snapshot.senders.requiresNonce,
        allowReplay: false,
      },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        selfSignedTlsClientAuth: true,
        tlsClientAuth: true,
        getCertificate: () => currentUnit().certificate?.pem,
        certificateAuthorized: () => currentUnit().certificate?.isVouchedFor === true,
        certificateSubjectMatches: (_: Context, property: string, expected: string) => {
          const { certificate } = currentUnit()
          return certificate !== null && subjectMatches(certificate.pem, property, expected)
        },
      },
      pushedAuthorizationRequests: { enabled: true, allowUnregisteredRedirectUris: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
      revocation: {
        enabled: true,
        // RFC 7009 §2.1: only the client that a token was issued to may revoke it; to others it is an unknown token.
        allowedPolicy: (_: Context, client: Client, token: TokenSource) => token.clientId === client.clientId,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => {
          throw new errors.InvalidTarget(
            'Several servers are behind this gateway: name one in the resource parameter, as its protected resource metadata does.',
          )
        },
        getResourceServerInfo: resourceServerInfo,
        useGrantedResource: () => true,
      },
    },

    interactions: {
      policy: prompts(),
      url: (_: Context, interaction: { readonly uid: string; readonly prompt: { readonly name: string } }) =>
        `${pathOf(issuer)}/${interaction.prompt.name}/${interaction.uid}`,
    },
    loadExistingGrant: existingGrant,
    expiresWithSession: () => false,
    issueRefreshToken: (_: Context, client: Client, source: TokenSource) =>
      client.grantTypeAllowed('refresh_token') && mayBeRefreshed(source),
    rotateRefreshToken: true,
    revokeGrantPolicy: () => true,
    extraTokenClaims,
    formats: {
      customizers: {
        jwt: (_: Context, token: TokenSource, { payload }: { readonly payload: Record<string, unknown> }) => {
          bindToBoth(token, payload)
          // The engine writes the client where nobody logged in.
          const { direct } = currentUnit()
          if (direct !== null) payload['sub'] = direct.subject
        },
      },
    },
    findAccount: async (_: Context, subject: string) => {
      const account = await store.accounts.find(currentUnit().snapshot.tenant, asSubjectId(subject))
      if (account === null || account.status !== 'active') return undefined
      return { accountId: account.subject, claims: async () => ({ sub: account.subject }) }
    },

    ttl: {
      AccessToken: (context: Context, token: TokenSource) => {
        const { snapshot } = currentUnit()
        const resource = findProtectedResource(token.aud, snapshot)
        if (resource === null) throw new Error('an access token is for nothing that is ours')
        const scopes = splitScopes(token.scope)
        const seconds = accessTokenSeconds(resource, scopes, snapshot)
        const fresh = freshSeconds(scopes, resource, authTimeOf(context), snapshot, clock.nowSeconds())
        return atLeastOne(Math.min(seconds, fresh, secondsLeft(context.oidc?.entities.Grant, clock)))
      },
      ClientCredentials: () => {
        const { direct, snapshot, now } = currentUnit()
        if (direct === null) throw new Error('a token that nobody decided to give')
        return atLeastOne(Math.min(accessTokenSeconds(direct.resource, direct.scopes, snapshot), direct.endsAt - now))
      },
      AuthorizationCode: CODE_SECONDS,
      DeviceCode: DEVICE_CODE_SECONDS,
      // Absolute: a rotated token expires when its grant does, however often it was rotated (RFC 9700 §4.14.2); or when nobody uses it.
      RefreshToken: (context: Context, token: TokenSource) =>
        atLeastOne(Math.min(secondsLeft(context.oidc?.entities.Grant, clock), idleSecondsOf(token))),
      Interaction: INTERACTION_SECONDS,
      // Counted from the login, not from the last use; a session nobody has logged into lives no longer than an interaction.
      Session: (_: Context, session: Session) =>
        session.loginTs === undefined
          ? INTERACTION_SECONDS
          : atLeastOne(session.loginTs + currentUnit().snapshot.lifetimes.loginSessionSeconds - clock.nowSeconds()),
      // Never used: a grant is made with its own lifetime, and there are no ID tokens.
      Grant: CODE_SECONDS,
      IdToken: CODE_SECONDS,
    },

    clientBasedCORS: () => false,
    renderError: renderAuthorizationError,
    fetch: fetchKeys,
    fetchResponseBodyLimits: { jwks_uri: JWKS_BYTES_MAX },
  }
}

function mayBeRefreshed(source: TokenSource): boolean {
  const { snapshot } = currentUnit()
  const resource = findProtectedResource(source.resource, snapshot)
  return resource !== null && takesRefreshToken(resource, splitScopes(source.scope), snapshot)
}

function idleSecondsOf(token: TokenSource): number {
  const { snapshot } = currentUnit()
  const resource = findProtectedResource(token.resource, snapshot)
  return resource === null ? 0 : idleSeconds(resource, splitScopes(token.scope), snapshot)
}

/** The grant that this interaction's consent opened, and no other: one authorization is one grant (ADR 0004). */
async function existingGrant(context: Context): Promise<Grant | undefined> {
  const grantId = context.oidc?.result?.consent?.grantId
  return grantId === undefined ? undefined : context.oidc?.provider.Grant.find(grantId)
}

/** The audience, scopes and format of tokens for a resource. The parameters were spelled our way before the engine saw them. */
function resourceServerInfo(context: Context, resource: string): object {
  if (Array.isArray(context.oidc?.params?.['resource'])) {
    throw new errors.InvalidTarget('A token works at one server: send one resource parameter.')
  }
  const server = findProtectedResource(resource, currentUnit().snapshot)
  if (server === null) {
    throw new errors.InvalidTarget(
      'This resource is not behind this gateway. Use the resource of its protected resource metadata.',
    )
  }
  return {
    audience: server.resource,
    scope: allScopesOf(server).join(' '),
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: server.tokenAlgorithm ?? DEFAULT_TOKEN_ALGORITHM } },
  }
}

/** Claims besides RFC 9068's: the grant (so that revoking it reaches the token), and how and when the person logged in. */
function extraTokenClaims(context: Context, token: TokenSource): Record<string, unknown> {
  requireBinding(token)
  const { direct } = currentUnit()
  if (direct !== null) return { ...direct.claims, gid: direct.grant.grantId }
  const source = sourceOf(context)
  if (token.grantId === undefined || source === undefined) throw new Error('an access token has no grant to come from')
  // RFC 9068 §2.2.1: when the person proved themselves, where somebody has said that.
  return { gid: token.grantId, acr: source.acr, auth_time: authTimeOf(context) ?? undefined }
}

/** What the token comes from: a person's code, or what came of it. */
function sourceOf(context: Context): TokenSource | undefined {
  const entities = context.oidc?.entities
  return entities?.AuthorizationCode ?? entities?.RefreshToken ?? entities?.DeviceCode
}

function authTimeOf(context: Context): number | null {
  const source = sourceOf(context)
  return source?.authTime !== undefined && isTimeKnownIn(source.amr) ? source.authTime : null
}

function secondsLeft(grant: Grant | undefined, clock: Clock): number {
  if (grant?.exp === undefined) throw new Error('a token has no grant to end with')
  return grant.exp - clock.nowSeconds()
}

/** The engine takes no lifetime below one second; something that is over by now is refused by its own expiry. */
function atLeastOne(seconds: number): number {
  return Math.max(1, seconds)
}
