import type { ClientGrantType, ConfiguredAuthMethod } from './client-grant-types.ts'
import type { ClientId, ServerId, TenantId } from './ids.ts'
import type { ProviderProfile } from './provider-profiles.ts'
import type { Secret } from './secret.ts'
import type { Tier } from './tiers.ts'
import type { TokenAlgorithm } from './token-algorithms.ts'
import type { ToolClass } from './tool-classes.ts'

export type { ProviderProfile } from './provider-profiles.ts'

/**
 * What the control plane publishes and every other part reads: one immutable value, swapped whole.
 * `version` is the SHA-256 (hex) of the configuration file it was built from; `number` counts swaps since start.
 */
export interface Snapshot {
  readonly version: string
  readonly number: number
  readonly tenant: TenantId
  /**
   * The issuer: `P`, an origin without path and without trailing slash, or `P/t/{tenant}`. Resource identifiers and all our URLs begin with it; it never comes
   * from headers.
   */
  readonly publicUrl: string
  /** True while P is http on a loopback address: the only case in which plain http and open registration are allowed. */
  readonly isLoopback: boolean
  /** Origins (besides P itself) whose browser clients may call metadata, register, token and MCP endpoints. */
  readonly allowedOrigins: ReadonlySet<string>
  /** Addresses whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  readonly registration: RegistrationPolicy
  /** Clients that the operator wrote down. */
  readonly clients: ReadonlyMap<ClientId, PreregisteredClient>
  /** Whose assertions are exchanged for tokens. */
  readonly trustedIssuers?: readonly TrustedIssuer[]
  readonly servers: ReadonlyMap<ServerId, ServerEntry>
  /** Where people may log in besides here, by name. */
  readonly identityProviders: ReadonlyMap<string, IdentityProvider>
  /** What a login has to be for what is of a tier; absent, or without the tier: nothing in particular. */
  readonly loginDemands?: ReadonlyMap<Tier, LoginDemand>
  /** Whether the login page asks for an address, whose domain says where to log in; absent: it shows all places. */
  readonly asksForAddress?: boolean
  /** Whether nobody with a password gets by with that alone; absent: as each person likes. */
  readonly requiresSecondFactor?: boolean
  /** Whether accounts may log in with a password of ours. */
  readonly hasPasswords: boolean
  /** Resource servers that may ask about tokens (RFC 7662), by id. */
  readonly introspection: ReadonlyMap<string, IntrospectionClient>
  readonly roles: ReadonlyMap<string, RolePolicy>
  readonly lifetimes: Lifetimes
  readonly signing: SigningPolicy
  readonly senders: SenderPolicy
  /** How client certificates reach us; null: they do not. */
  readonly mutualTls: MutualTls | null
  /** Names of `dangerously…` options in force, for the log and the console. */
  readonly dangerousOptions: readonly string[]
}

/** How somebody has to have shown who they are. */
export interface LoginDemand {
  readonly multiFactor: boolean
  /** At most so long ago; null: whenever. */
  readonly maxAgeSeconds: number | null
  /** Whether somebody has to have said when that was; absent: that they came by the login page now will do. */
  readonly needsAuthTime?: boolean
}

export interface RegistrationPolicy {
  /** `open` only while P is loopback. `statement`: with a software statement or an initial access token, else not at all. */
  readonly mode: 'open' | 'approval' | 'statement' | 'closed'
  /** Most clients kept, all states together. */
  readonly clientsMax: number
  /** Registrations accepted per source address and hour. */
  readonly perAddressPerHour: number
  /** Whether https URLs are accepted as client ids (Client ID Metadata Documents). */
  readonly metadataDocuments: boolean
  /** Registrations accepted per hour, from everywhere. */
  readonly perHour: number
  /** A client that nobody has used for so long is forgotten; 0: never. */
  readonly unusedDays: number
  /** Whose metadata documents: an empty `allow` means everybody's; `deny` is stronger. Hosts, or `*.` and a domain for all below it. */
  readonly documentHosts: { readonly allow: readonly string[]; readonly deny: readonly string[] }
  /** Whose software statements let a client in. */
  readonly statements: readonly StatementIssuer[]
}

export interface StatementIssuer {
  /** `iss`, byte for byte. */
  readonly issuer: string
  readonly keys:
    | { readonly kind: 'jwks'; readonly jwks: readonly Readonly<Record<string, unknown>>[] }
    | { readonly kind: 'jwksUri'; readonly jwksUri: string; readonly network: 'public' | 'private' | 'loopback' }
  /** Clients that its statements may have let in at a time. */
  readonly clientsMax: number
}

/** Somebody whose signed word about workloads or people is taken (RFC 7523). */
export interface TrustedIssuer {
  /** In the configuration. */
  readonly name: string
  /** `iss`, byte for byte. */
  readonly issuer: string
  readonly keys: StatementIssuer['keys']
  readonly workloads: readonly Workload[]
  /** Whether its word lets people in (ID-JAG); null: it does not. */
  readonly identityAssertions?: IdentityAssertionRules | null
}

export interface IdentityAssertionRules {
  /** Assertions that live longer are refused. */
  readonly lifetimeSecondsMax: number
  /** Domains about whose addresses it is believed: an account that is called by one is linked at the first assertion. */
  readonly emailDomains: readonly string[]
}

/** A program that its platform vouches for. It has no account, no secret and no registration. */
export interface Workload {
  /** `workload:{issuer}:{name}`, which no other client can be called. */
  readonly clientId: ClientId
  readonly name: string
  /** `aud` of its assertions; null: this gateway. */
  readonly audience: string | null
  /** What its assertions have to say: each claim exactly one of these values. At least one claim. */
  readonly claims: ReadonlyMap<string, readonly string[]>
  readonly scopes: readonly string[]
  /** Assertions that live longer are refused. */
  readonly lifetimeSecondsMax: number
  /** Whether one assertion may come more than once: some platforms give out one for hours. */
  readonly isRepeatable: boolean
}

/** A client of the configuration: known by the operator's word, so its name is no claim. */
export interface PreregisteredClient {
  readonly clientId: ClientId
  readonly name: string
  /** Empty without `authorization_code`. */
  readonly redirectUris: readonly string[]
  readonly grantTypes: readonly ClientGrantType[]
  readonly authMethod: ConfiguredAuthMethod
  /** For the two `client_secret` methods, else null. */
  readonly secret: Secret | null
  /** For `private_key_jwt`, else null. */
  readonly keys:
    | { readonly kind: 'jwks'; readonly jwks: readonly Readonly<Record<string, unknown>>[] }
    | { readonly kind: 'jwksUri'; readonly jwksUri: string }
    | null
  /** For `tls_client_auth`: the one name that its certificate has to be for (RFC 8705 §2.1.2). */
  readonly certificate?: CertificateName | null
  /** Whether every authorization request of it has to be pushed (RFC 9126 §6). */
  readonly pushesRequests?: boolean
  /** All that it may be given in grants that no person consents to. */
  readonly scopes: readonly string[]
}

export const CERTIFICATE_NAMES = ['subjectDn', 'sanDns', 'sanUri', 'sanIp', 'sanEmail'] as const

export interface CertificateName {
  readonly kind: (typeof CERTIFICATE_NAMES)[number]
  readonly value: string
}

/** A company's identity provider (OpenID Connect), at which this gateway is a client like any other. */
export interface IdentityProvider {
  readonly name: string
  readonly profile: ProviderProfile
  /** GitHub's API, where that is not the public one; null otherwise. */
  readonly apiUrl: string | null
  /** On the button. */
  readonly title: string
  readonly issuer: string
  readonly clientId: string
  readonly secret: Secret | null
  readonly scopes: readonly string[]
  readonly network: 'public' | 'private' | 'loopback'
  /** Domains about whose addresses it is believed: an account that is called by one is linked at its first login. */
  readonly emailDomains: readonly string[]
  /** Whether who is nobody here gets an account. */
  readonly opensAccounts: boolean
  /** Values of `acr` that mean more than one factor there; asked for where a tier needs it. */
  readonly multiFactorAcr: readonly string[]
  /** How long a login there lasts, in seconds; null: as long as a login here may. */
  readonly sessionSeconds: number | null
  /**
   * How it is asked again about who has logged in: each person after so long, and at refreshes; whoever it could not be asked about for longer
   * is let in nowhere. Null: never.
   */
  readonly recheck: { readonly everySeconds: number; readonly unreachableSeconds: number } | null
  /** What ends here when it says that somebody is gone. */
  readonly logoutEnds: 'everything' | 'session'
  /** What its claims make of a person; null: roles are given here. */
  readonly roles: {
    /** Its name; with dots, where no claim is called so, a path into one. */
    readonly claim: string
    readonly map: ReadonlyMap<string, readonly string[]>
    readonly always: readonly string[]
    /** Where groups are asked for that the token does not have; absent: nowhere. */
    readonly lookup?: {
      readonly kind: 'graph' | 'directory'
      readonly endpoint: string
      /** Google's service account. */
      readonly account: {
        readonly email: string
        readonly key: Secret
        readonly actsFor: string
        readonly tokenEndpoint: string
      } | null
    } | null
  } | null
}

/** Whoever verifies tokens of ours by asking. It is no client that a user could connect, and its credential is for nothing else. */
export interface IntrospectionClient {
  readonly id: string
  readonly secret: Secret
  /** Resource identifiers of the servers whose tokens it is told about. */
  readonly resources: readonly string[]
}

export interface MutualTls {
  /** The origin at which clients are asked for a certificate; P where that is the same. */
  readonly publicUrl: string
  /** PEM certificates of who vouches for clients; null: nobody, and certificates are only what tokens are bound to. */
  readonly authorities: string | null
  /** The proxy whose Client-Cert header is believed (RFC 9440); null: our own listener asks for certificates. */
  readonly proxy: { readonly addresses: readonly string[]; readonly secret: Secret } | null
}

/** How tokens have to be bound to who sends them. `any`: to a key or to a certificate, whichever the client can. */
export type SenderRule = 'none' | 'any' | 'dpop' | 'mtls'

/** Where tokens have to be bound. The rules of a token's server, tiers and client hold together. */
export interface SenderPolicy {
  /** Whether DPoP proofs have to repeat a nonce of ours (RFC 9449 §8, §9). */
  readonly requiresNonce: boolean
  /** For servers that have no rule of their own. */
  readonly everywhere: SenderRule
  readonly servers: ReadonlyMap<ServerId, SenderRule>
  readonly tiers: ReadonlyMap<Tier, SenderRule>
  readonly clients: ReadonlyMap<string, SenderRule>
}

export interface Lifetimes {
  /** At most, whatever the tier allows. */
  readonly accessTokenSeconds: number
  /** Absolute, from the authorization; at most, whatever the tier allows. */
  readonly refreshTokenSeconds: number
  /** Browser login session, from the login. */
  readonly loginSessionSeconds: number
}

/** How the keys that sign access tokens are renewed. */
export interface SigningPolicy {
  /** A key signs for so long. */
  readonly rotateSeconds: number
  /** A key is published so long before it signs. */
  readonly publishAheadSeconds: number
  /** What the tokens of some server are signed with; ES256 always. */
  readonly algorithms: ReadonlySet<TokenAlgorithm>
}

export interface RolePolicy {
  readonly name: string
  /** Admin API role this role carries, if any. */
  readonly admin: AdminRole | null
  /** Classes allowed per server; the `*` entry holds for every server that has no entry of its own. */
  readonly allow: ReadonlyMap<ServerId | '*', ReadonlySet<ToolClass>>
}

export type AdminRole = 'operator' | 'approver' | 'auditor' | 'user'

/** What an access token can be for: an MCP server, or the admin API (`policy/admin-api.ts`). */
export interface ProtectedResource {
  readonly id: ServerId
  /** Shown on the consent page. */
  readonly title: string
  readonly description: string
  /** The OAuth resource identifier, byte for byte: `P/mcp/{id}` for a server. */
  readonly resource: string
  /** Classes challenged and advertised to clients that name no scope. */
  readonly baselineClasses: readonly ToolClass[]
  /** Operator's word on single tools; may lower as well as raise. */
  readonly toolClasses: ReadonlyMap<string, ToolClass>
  /** Tools that have a scope of their own: `{server}:tool:{percent-encoded name}`. */
  readonly toolScopes: ReadonlySet<string>
  /** Operator's word on the tier of single tools; absent: that of their class. */
  readonly toolTiers?: ReadonlyMap<string, Tier>
  /** What its access tokens are signed with; absent: ES256. */
  readonly tokenAlgorithm?: TokenAlgorithm
}

/**
 * An authorization server elsewhere whose tokens open a server here directly. How long they live and when they end is its business: what it
 * says is checked, and what it does not say cannot be made up for.
 */
export interface ExternalIssuer {
  readonly name: string
  /** `iss`, byte for byte; also what the protected resource's metadata names. */
  readonly issuer: string
  readonly network: 'public' | 'private' | 'loopback'
  /** By whose word a token is good: its signature, or the issuer's answer (RFC 7662). */
  readonly by:
    | { readonly kind: 'keys'; readonly jwksUri: string }
    | { readonly kind: 'introspection'; readonly endpoint: string; readonly clientId: string; readonly secret: Secret }
  /** `typ` of its access tokens, lower case; `null` among them: a token without one. */
  readonly tokenTypes: readonly (string | null)[]
  /** Tokens that live longer are refused. */
  readonly lifetimeSecondsMax: number
  readonly claims: { readonly client: readonly string[]; readonly scope: string }
  /** Classes that a value of its scope claim gives, at the server that the token is for. */
  readonly scopes: ReadonlyMap<string, readonly ToolClass[]>
  readonly opensAccounts: boolean
  readonly roles: IdentityProvider['roles']
}

export interface ServerEntry extends ProtectedResource {
  /** Absent or null: tokens are ours. */
  readonly external?: { readonly issuer: ExternalIssuer; readonly audience: string } | null
  readonly upstream: UpstreamSpec
  readonly limits: ServerLimits
}

export type UpstreamSpec = StdioUpstream | HttpUpstream

export interface StdioUpstream {
  readonly kind: 'stdio'
  readonly command: string
  readonly args: readonly string[]
  /** The whole environment besides PATH, HOME and TMPDIR. Values may hold `${userDir}`, replaced per subject. */
  readonly env: ReadonlyMap<string, string | Secret>
  readonly cwd: string | null
}

export interface HttpUpstream {
  readonly kind: 'http'
  /** Streamable HTTP endpoint. */
  readonly url: string
  /** Headers that carry the gateway's own credential. There is no way to name the caller's. */
  readonly headers: ReadonlyMap<string, Secret>
  /** Which addresses the host may resolve to. */
  readonly network: 'public' | 'private' | 'loopback'
}

export interface ServerLimits {
  readonly requestBytesMax: number
  readonly responseBytesMax: number
  readonly callTimeoutSeconds: number
  readonly sessionsPerSubjectMax: number
  readonly idleSeconds: number
}

/** Where to read the snapshot now in force. Readers take it once per request and keep it for that request. */
export interface SnapshotSource {
  current(): Snapshot
  /** Called after each swap; returns a function that ends the subscription. */
  onSwap(listener: (snapshot: Snapshot) => void): () => void
}
