import { z } from 'zod'
import { CLIENT_GRANT_TYPES, CONFIGURED_AUTH_METHODS } from '#core/client-grant-types.ts'
import { PROVIDER_PROFILES } from '#core/provider-profiles.ts'
import { TIERS } from '#core/tiers.ts'
import { DEFAULT_TOKEN_ALGORITHM, TOKEN_ALGORITHMS } from '#core/token-algorithms.ts'
import { TOOL_CLASSES } from '#core/tool-classes.ts'
import { SCHEMA_PATTERN } from '#store/ports/settings.ts'

/**
 * The shape of sallyport.yaml: the one source of types, validation and the JSON Schema for editors (docs/sallyport.schema.json).
 * What needs the outside world or two places at once (files, environment, roles naming servers) is checked in `cross-checks.ts` and
 * `build-snapshot.ts`.
 */

const SERVERS_MAX = 500
/** Each is a whole gateway but for the listener, so each costs memory (docs/guides/tenants.md). */
const TENANTS_MAX = 32
const CLIENTS_MAX = 200
const ROLES_MAX = 100
const LIST_MAX = 100
const TOOLS_MAX = 2_000
const SENDER_CLIENTS_MAX = 1_000
const TEXT_CHARS_MAX = 4_096
const MIB = 1024 * 1024

export const SERVER_ID_PATTERN: RegExp = /^[a-z0-9-]{1,63}$/
/** A host as URLs spell it, or all hosts below one. */
const HOST_PATTERN = /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
/** Not what we generate (`sp_`, `key_`), and no URL. */
export const CLIENT_ID_PATTERN: RegExp = /^(?!sp_|key_)[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
export const ROLE_NAME_PATTERN: RegExp = /^[a-z][a-z0-9-]{0,62}$/
export const ENVIRONMENT_NAME_PATTERN: RegExp = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/
/** RFC 9110 §5.1: a field name is a token. */
export const HEADER_NAME_PATTERN: RegExp = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/

const text = (description: string) => z.string().min(1).max(TEXT_CHARS_MAX).describe(description)
const toolClass = z.enum(TOOL_CLASSES)
const toolClasses = (description: string) => z.array(toolClass).max(TOOL_CLASSES.length).describe(description)
/** A whole number within bounds, with the value that holds when the key is absent. */
const whole = (min: number, max: number, fallback: number, description: string) =>
  z.int().min(min).max(max).default(fallback).describe(description)

const listen = z
  .strictObject({
    host: text(
      'Address to listen on. Beyond loopback this needs `tls`, `trustedProxies` or the dangerous option.',
    ).default('127.0.0.1'),
    port: z
      .int()
      .min(1)
      .max(65_535)
      .optional()
      .describe('Port to listen on. Absent: the port of a loopback `publicUrl`, else 8700.'),
  })
  .describe('Where the process listens.')

const tls = z
  .strictObject({
    certificateFile: text('PEM certificate chain, leaf first. Relative to this file. Reloaded when it changes.'),
    privateKeyFile: text('PEM private key of the certificate. Must not be readable by everybody.'),
  })
  .describe('TLS ends here. Leave out when a proxy listed in `trustedProxies` ends it.')

const mutualTls = z
  .strictObject({
    publicUrl: text(
      'Origin at which clients are asked for a certificate: https, another than `gateway.publicUrl`. Absent: that one asks.',
    ).optional(),
    listen: z
      .strictObject({
        host: text('Address to listen on.').default('127.0.0.1'),
        port: z.int().min(1).max(65_535).describe('Port to listen on.'),
      })
      .optional()
      .describe('A second TLS listener, with the certificate of `gateway.tls`, for `mutualTls.publicUrl`.'),
    authorityFile: text(
      'PEM certificates of who vouches for clients (`tls_client_auth`). Relative to this file. Reloaded when it changes.',
    ).optional(),
    proxy: z
      .strictObject({
        addresses: z
          .array(text('An IP address or CIDR block.'))
          .min(1)
          .max(LIST_MAX)
          .describe('Where the proxy speaks from. Each is in `gateway.trustedProxies` too.'),
        secret: text(
          'What the proxy sends as `Sallyport-Proxy-Secret`, as one reference, `${file:path}` or `${env:NAME}`; 32 characters or more.',
        ),
      })
      .optional()
      .describe('The proxy that asks clients for certificates and hands them on as `Client-Cert` (RFC 9440).'),
  })
  .describe('Client certificates (RFC 8705): by TLS here, or by a proxy.')

const gateway = z
  .strictObject({
    publicUrl: text(
      'Origin under which clients reach the gateway: issuer and resource identifiers are built from it. https unless loopback. No path.',
    ).default('http://127.0.0.1:8700'),
    listen: listen.prefault({}),
    tls: tls.optional(),
    mutualTls: mutualTls.optional(),
    trustedProxies: z
      .array(text('An IP address or CIDR block.'))
      .max(LIST_MAX)
      .default([])
      .describe('Proxies whose X-Forwarded-For is believed.'),
    allowedOrigins: z
      .array(text('An origin such as https://inspector.example.com'))
      .max(LIST_MAX)
      .default([])
      .describe('Browser origins, besides publicUrl, that may call metadata, register, token and MCP endpoints.'),
    dangerouslyListenBeyondLoopbackWithoutTls: z
      .boolean()
      .default(false)
      .describe(
        'Lets the process listen beyond loopback in plain text: tokens can be read on the wire. Recorded at start.',
      ),
  })
  .describe('The front door.')

const hosts = (description: string) =>
  z
    .array(z.string().regex(HOST_PATTERN, 'must be a host name in lower case, or `*.` and one'))
    .max(LIST_MAX)
    .default([])
    .describe(description)

const statementIssuer = z
  .strictObject({
    issuer: text('`iss` of its statements, byte for byte.'),
    jwks: z
      .array(z.record(z.string(), z.unknown()))
      .min(1)
      .max(10)
      .optional()
      .describe('Its public keys (JWK), pinned.'),
    jwksUri: text('URL of its public keys, instead of `jwks`. https, unless `network` is `loopback`.').optional(),
    network: z
      .enum(['public', 'private', 'loopback'])
      .default('public')
      .describe('Which addresses the host of `jwksUri` may resolve to.'),
    clientsMax: whole(1, 100_000, 100, 'Clients that its statements may have let in at a time.'),
  })
  .describe('Who may say what a client is.')

const registration = z
  .strictObject({
    mode: z
      .enum(['open', 'approval', 'statement', 'closed'])
      .optional()
      .describe(
        'What happens to clients that register themselves (RFC 7591). `open` only while publicUrl is loopback; `statement` takes those with a software statement or an initial access token, `approval` lets the others wait. Absent: `open` on loopback, else `approval`.',
      ),
    clientsMax: whole(1, 100_000, 1_000, 'Most clients kept, all states together.'),
    perAddressPerHour: whole(1, 10_000, 60, 'Registrations accepted per source address and hour.'),
    metadataDocuments: z
      .boolean()
      .default(true)
      .describe('Whether https URLs are accepted as client ids (Client ID Metadata Documents).'),
    documentHosts: z
      .strictObject({
        allow: hosts('Whose documents are accepted. Absent: everybody’s.'),
        deny: hosts('Whose documents are refused, also where a client of theirs is known already.'),
      })
      .prefault({})
      .describe('Hosts of metadata documents, each as it stands in the URL; `*.example.com` is every host below.'),
    perHour: whole(1, 100_000, 600, 'Registrations accepted per hour, from everywhere.'),
    unusedDays: whole(
      0,
      3_650,
      90,
      'A client that registered itself and that nobody has used for so many days is forgotten. 0: never.',
    ),
    statements: z
      .array(statementIssuer)
      .max(20)
      .default([])
      .describe('Issuers whose software statements (RFC 7591) let a client in without approval.'),
  })
  .describe('Who may become an OAuth client.')

const client = z
  .strictObject({
    name: text('Shown on the consent page, as a name that you vouch for.').max(100),
    redirectUris: z
      .array(text('https, http on loopback, or a private-use scheme such as com.example.app:/callback.'))
      .max(20)
      .default([])
      .describe('Where codes may be sent, compared exactly; the port of loopback is free.'),
    grantTypes: z
      .array(z.enum(CLIENT_GRANT_TYPES))
      .min(1)
      .max(CLIENT_GRANT_TYPES.length)
      .default(['authorization_code', 'refresh_token'])
      .describe('How it may get tokens.'),
    authMethod: z
      .enum(CONFIGURED_AUTH_METHODS)
      .default('none')
      .describe(
        'How it proves who it is at the token endpoint, exactly. `none` is for programs that cannot keep a secret; `tls_client_auth` needs `gateway.mutualTls.authorityFile`.',
      ),
    secret: text('The client secret as one reference, for the two `client_secret` methods.').optional(),
    jwks: z
      .array(z.record(z.string(), z.unknown()))
      .min(1)
      .max(10)
      .optional()
      .describe('Its public keys (JWK), for `private_key_jwt`.'),
    jwksUri: text('https URL of its public keys, instead of `jwks`.').optional(),
    certificate: z
      .strictObject({
        subjectDn: text('Its whole subject, as RFC 4514 writes it.').optional(),
        sanDns: text('A DNS name of it.').optional(),
        sanUri: text('A URI of it, such as a SPIFFE id.').optional(),
        sanIp: text('An IP address of it.').optional(),
        sanEmail: text('An email address of it.').optional(),
      })
      .optional()
      .describe('The one name that its certificate has, for `tls_client_auth`. Compared exactly.'),
    requirePushedRequests: z
      .boolean()
      .default(false)
      .describe('Whether its authorization requests have to be pushed (RFC 9126), so that no link can begin one.'),
    scopes: z
      .array(text('server:class'))
      .max(LIST_MAX)
      .default([])
      .describe(
        'All that it may be given where no person consents: as itself (`client_credentials`), with a token of somebody else (token exchange), or for people whom their identity provider lets in.',
      ),
  })
  .describe('A client that you know. Other clients register themselves.')

const workload = z
  .strictObject({
    audience: text('`aud` of its assertions. Absent: `gateway.publicUrl`, or its token endpoint.').optional(),
    claims: z
      .record(
        z.string().min(1).max(256),
        z.union([z.string().max(TEXT_CHARS_MAX), z.array(z.string().max(TEXT_CHARS_MAX)).min(1).max(LIST_MAX)]),
      )
      .refine((claims) => Object.keys(claims).length <= LIST_MAX, `at most ${LIST_MAX} claims`)
      .describe('What an assertion has to say, claim by claim: this value, or one of these. At least one.'),
    scopes: z.array(text('server:class')).min(1).max(LIST_MAX).describe('All that it may do.'),
    lifetimeSecondsMax: whole(60, 86_400, 3_600, 'Assertions that are given longer are refused.'),
    repeatable: z
      .boolean()
      .default(false)
      .describe('Whether one assertion may come again until it ends. For platforms that give out one for hours.'),
  })
  .describe('One program that the issuer vouches for.')

const trustedIssuer = z
  .strictObject({
    issuer: text('`iss` of its assertions, byte for byte.'),
    jwks: z
      .array(z.record(z.string(), z.unknown()))
      .min(1)
      .max(10)
      .optional()
      .describe('Its public keys (JWK), pinned.'),
    jwksUri: text('URL of its public keys, instead of `jwks`. https, unless `network` is `loopback`.').optional(),
    network: z
      .enum(['public', 'private', 'loopback'])
      .default('public')
      .describe('Which addresses the host of `jwksUri` may resolve to.'),
    identityAssertions: z
      .strictObject({
        lifetimeSecondsMax: whole(60, 3_600, 600, 'Assertions that are given longer are refused.'),
        emailDomains: hosts(
          'Domains about whose addresses it is believed: the account that is called by one is linked at the first assertion.',
        ),
      })
      .optional()
      .describe('That its word lets people in (ID-JAG, enterprise-managed authorization). Absent: it does not.'),
    workloads: z
      .record(z.string().regex(SERVER_ID_PATTERN), workload)
      .refine((workloads) => Object.keys(workloads).length <= LIST_MAX, `at most ${LIST_MAX} workloads`)
      .default({})
      .describe('Programs that show its assertions, by a name of your choice.'),
  })
  .describe('Somebody whose signed word is exchanged for tokens (RFC 7523).')

const lifetimes = z
  .strictObject({
    accessTokenSeconds: whole(60, 1_800, 1_800, 'Longest life of an access token; less by the tier of what it may do.'),
    refreshTokenSeconds: whole(
      300,
      28_800,
      28_800,
      'Longest life of a refresh family, counted from the authorization; less by the tier of what it may do.',
    ),
    loginSessionSeconds: whole(
      300,
      43_200,
      28_800,
      'Life of a browser login, counted from the login. At most 12 hours.',
    ),
  })
  .describe('How long things live.')

const postgres = z
  .strictObject({
    url: text(
      '`postgres://user:password@host:5432/database` as one reference, `${file:path}` or `${env:NAME}`. Without a password it may be written out.',
    ),
    password: text('The password as one reference. Instead of one in `url`; a new one is taken up at once.').optional(),
    schema: z
      .string()
      .regex(SCHEMA_PATTERN)
      .default('sallyport')
      .describe(
        'Schema that holds the tables; made when it is missing. Several gateways of one database need several.',
      ),
    tls: z
      .strictObject({
        authorityFile: text(
          'PEM certificates of who may vouch for the server. Absent: the authorities that Node.js knows.',
        ).optional(),
        certificateFile: text('PEM certificate that shows the server who we are.').optional(),
        privateKeyFile: text('PEM private key of that certificate. Must not be readable by everybody.').optional(),
      })
      .optional()
      .describe(
        "TLS to the server, its certificate and name always checked. Absent: the same, except on loopback and Unix sockets, where there is none unless the URL's `sslmode` asks for it.",
      ),
    connectionsMax: whole(
      2,
      200,
      10,
      'Connections that serve requests, per gateway; three more follow changes and keep the log.',
    ),
    connectTimeoutSeconds: whole(1, 60, 5, 'A connection that takes longer is given up.'),
    statementTimeoutSeconds: whole(1, 120, 10, 'A statement that takes longer is given up.'),
    dangerouslyConnectBeyondLoopbackWithoutTls: z
      .boolean()
      .default(false)
      .describe(
        'Lets `sslmode=disable` hold beyond loopback: whoever is on the way can read and change everything. Recorded at start.',
      ),
  })
  .describe('A PostgreSQL server, version 14 or newer, for one gateway or several.')

const senderRule = (description: string) => z.enum(['none', 'any', 'dpop', 'mtls']).describe(description)

const senderConstraint = z
  .strictObject({
    require: senderRule(
      'How tokens have to be bound at servers that say nothing themselves: `dpop` to a key (RFC 9449), `mtls` to a client certificate (RFC 8705), `any` to either.',
    ).default('none'),
    tiers: z
      .strictObject({
        low: senderRule('Tokens with a `read` scope.').optional(),
        standard: senderRule('Tokens with a `write` or `send` scope.').optional(),
        sensitive: senderRule('Tokens with a `financial` scope.').optional(),
        privileged: senderRule('Tokens with a `destructive`, `execute` or `admin` scope.').optional(),
      })
      .prefault({})
      .describe('The same by what a token may do, at every server.'),
    clients: z
      .record(z.string().min(1).max(TEXT_CHARS_MAX), senderRule('How its tokens have to be bound.'))
      .refine((clients) => Object.keys(clients).length <= SENDER_CLIENTS_MAX, `at most ${SENDER_CLIENTS_MAX} clients`)
      .default({})
      .describe('The same by client id. The rules of server, tier and client hold together.'),
    nonces: z
      .enum(['required', 'optional'])
      .default('required')
      .describe(
        'Whether DPoP proofs have to repeat a nonce of ours, so that none can be made long before it is used (RFC 9449 §8). `optional` for clients that cannot.',
      ),
  })
  .describe('Tokens that work only together with a key or certificate of the client. Clients may always ask for them.')

const signingKeys = z
  .strictObject({
    rotateDays: whole(1, 365, 30, 'A key signs access tokens for so long; then the next one does.'),
    publishAheadSeconds: whole(
      2,
      86_400,
      900,
      'A key is published so long before it signs. The key set may be kept for half of it, at most 5 minutes.',
    ),
  })
  .describe('Keys that sign access tokens. `sallyport keys rotate` renews them at once.')

const identityProvider = z
  .strictObject({
    title: text('On the button of the login page. Absent: the name.').max(60).optional(),
    profile: z
      .enum(PROVIDER_PROFILES)
      .default('generic')
      .describe('What it is, so that what it does differently is heeded. `generic`: as OpenID Connect says.'),
    apiUrl: text('For `github`: the API of a GitHub Enterprise Server. Absent: the public one.').optional(),
    issuer: text(
      'Its issuer, byte for byte as its metadata says it; for `github` the address of its web pages. https, unless `network` is `loopback`.',
    ),
    clientId: text('The client id that the gateway has there. Its redirect URI is `publicUrl/oidc/callback/NAME`.'),
    secret: text(
      'The client secret as one reference, `${file:path}` or `${env:NAME}`. Absent: a public client.',
    ).optional(),
    scopes: z
      .array(text('A scope.'))
      .max(20)
      .default(['openid', 'profile', 'email'])
      .describe('What the gateway asks for there; `openid` always. Nothing of what agents ask for here is passed on.'),
    network: z
      .enum(['public', 'private', 'loopback'])
      .default('public')
      .describe('Which addresses its host may resolve to.'),
    emailDomains: z
      .array(z.string().regex(HOST_PATTERN))
      .max(LIST_MAX)
      .default([])
      .describe(
        'Domains about whose verified addresses it is believed: the account that is called by one is linked at the first login.',
      ),
    accounts: z
      .enum(['linked', 'opened'])
      .default('linked')
      .describe(
        '`linked`: only people with an account here come in. `opened`: everybody whom it vouches for gets one.',
      ),
    multiFactorAcr: z
      .array(text('A value.'))
      .max(20)
      .default([])
      .describe(
        'Values of `acr` that mean more than one factor there. They are asked for (`acr_values`) where `login.tiers` needs it. `mfa`, or two methods, in `amr` mean it at every provider.',
      ),
    sessionSeconds: z
      .int()
      .min(300)
      .max(43_200)
      .optional()
      .describe(
        'How long a session at the provider lasts at most, counted from the login there: no login, grant or token that came from it lasts longer. Absent: `lifetimes.loginSessionSeconds`.',
      ),
    recheck: z
      .strictObject({
        everySeconds: whole(
          60,
          86_400,
          900,
          'How long the word of the provider about a person counts until it is asked again.',
        ),
        unreachableSeconds: whole(
          60,
          86_400,
          3_600,
          'Whoever the provider could not be asked about for so long is let in nowhere, until it can be.',
        ),
      })
      .optional()
      .describe(
        'The provider is asked again about who has logged in, with the refresh token that it gave (some give one only for the scope `offline_access`): regularly, and when a client refreshes. Whom it no longer vouches for loses what `logoutEnds` says; roles follow its word. Absent: only logins and back-channel logout tell.',
      ),
    logoutEnds: z
      .enum(['everything', 'session'])
      .default('everything')
      .describe(
        'What ends here when the provider says that somebody has logged out or is gone (back-channel logout at `publicUrl/oidc/logout/NAME`). `everything`: all grants, tokens, API keys, logins and streams of the person. `session`: the grants that came from that session, and logins at our pages.',
      ),
    roles: z
      .strictObject({
        claim: text(
          'Claim of the ID token that holds names, such as `groups`; a path with dots where no claim is called so. Absent: `groups`, for `keycloak` `realm_access.roles`, for `cognito` `cognito:groups`, for `workos` `role`, for `clerk` `org_role`.',
        ).optional(),
        lookup: z
          .strictObject({
            endpoint: text(
              'Where to ask. Absent: the public address of Microsoft Graph, or of Google’s Directory API.',
            ).optional(),
            serviceAccount: z
              .strictObject({
                email: text('Its address.'),
                key: text('Its private key (PKCS #8, PEM) as one reference, `${file:path}` or `${env:NAME}`.'),
                actsFor: text('The administrator whom it acts for.'),
                tokenEndpoint: text('Where it gets tokens.').default('https://oauth2.googleapis.com/token'),
              })
              .optional()
              .describe('For `google`: the service account with domain-wide delegation that may read groups.'),
          })
          .optional()
          .describe(
            'Asks for the groups that a token does not have: for `entra` those that had no room (Graph, as the application), for `google` all. What cannot be learnt refuses; it is never no groups.',
          ),
        map: z
          .record(text('A value of the claim.'), z.array(z.string().regex(ROLE_NAME_PATTERN)).max(ROLES_MAX))
          .default({})
          .describe('Roles by value of the claim. Values that are not here give none.'),
        always: z
          .array(z.string().regex(ROLE_NAME_PATTERN))
          .max(ROLES_MAX)
          .default([])
          .describe('Roles of everybody whom it vouches for.'),
      })
      .optional()
      .describe('What its word makes of a person at each login. Absent: roles are given here.'),
  })
  .describe('An identity provider (OpenID Connect) at which people log in.')

const loginDemand = (of: string) =>
  z
    .strictObject({
      multiFactor: z
        .boolean()
        .default(false)
        .describe(
          'Whether one factor is not enough. Which logins have more: `identityProviders.<name>.multiFactorAcr`, or `amr`.',
        ),
      maxAgeSeconds: z
        .int()
        .min(60)
        .max(43_200)
        .optional()
        .describe('How long ago the person may have shown who they are. Absent: as long as the login lasts.'),
    })
    .describe(of)

const login = z
  .strictObject({
    passwords: z
      .boolean()
      .default(true)
      .describe('Whether accounts may log in with a password of the gateway. `false` needs an identity provider.'),
    discovery: z
      .enum(['buttons', 'address'])
      .default('buttons')
      .describe(
        'How the login page finds out where somebody logs in. `buttons`: all providers are shown. `address`: it asks for the e-mail address, whose domain leads to the provider that has it among its `emailDomains`.',
      ),
    secondFactor: z
      .enum(['optional', 'required'])
      .default('optional')
      .describe(
        'Whether whoever logs in with a password of the gateway needs a second factor: an authenticator app, or a passkey instead of both. `required`: who has none sets one up at the next login. It says nothing about identity providers; `tiers` does.',
      ),
    tiers: z
      .strictObject({
        low: loginDemand('What has a `read` scope.').optional(),
        standard: loginDemand('What has a `write` or `send` scope.').optional(),
        sensitive: loginDemand('What has a `financial` scope.').optional(),
        privileged: loginDemand(
          'What has a `destructive`, `execute` or `admin` scope. For a new grant of these a login of the last five minutes is needed in any case.',
        ).optional(),
      })
      .prefault({})
      .describe(
        'What a login has to be for what somebody may do: asked for when access is given, and looked at again with each call. API keys, which nobody has logged in for, are not enough where anything is demanded.',
      ),
  })
  .describe('How people log in.')

const introspectionClient = z
  .strictObject({
    servers: z
      .array(z.string().regex(SERVER_ID_PATTERN))
      .min(1)
      .max(SERVERS_MAX)
      .describe('The servers whose tokens it is told about. Every other token is to it one that does not exist.'),
    secret: text('Its secret as one reference, `${file:path}` or `${env:NAME}`; 32 characters or more.'),
  })
  .describe('A resource server that may ask about tokens. It is no OAuth client of users.')

const store = z
  .strictObject({ postgres: postgres.optional() })
  .describe('Where the state is kept. Absent: SQLite, in the state folder.')

const role = z
  .strictObject({
    admin: z
      .enum(['operator', 'approver', 'auditor', 'user'])
      .optional()
      .describe('What holders may do in the admin API. Absent: nothing.'),
    allow: z
      .record(z.string(), toolClasses('Tool classes that holders may use.'))
      .default({})
      .describe('Tool classes by server id. `*` holds for every server that has no entry of its own.'),
  })
  .describe('What people with this role may do.')

const stdio = z
  .strictObject({
    command: text(
      'Program to start, one process per session. `node` is the Node.js that runs the gateway. A path is relative to this file.',
    ),
    args: z
      .array(z.string().max(TEXT_CHARS_MAX))
      .max(LIST_MAX)
      .default([])
      .describe('Arguments. `${userDir}` becomes a folder of the user alone.'),
    env: z
      .record(z.string().regex(ENVIRONMENT_NAME_PATTERN), z.string().max(TEXT_CHARS_MAX))
      .default({})
      .describe(
        'The whole environment besides PATH, HOME and TMPDIR. Values may hold `${env:NAME}`, `${file:path}` and `${userDir}`; secrets only as references.',
      ),
    cwd: text('Working directory. Relative to this file; absent: the folder of this file.').optional(),
  })
  .describe('A server that speaks over standard input and output.')

const http = z
  .strictObject({
    url: text('Streamable HTTP endpoint. https, unless `network` is `loopback` or `private`.'),
    headers: z
      .record(z.string().regex(HEADER_NAME_PATTERN), text('A reference.'))
      .default({})
      .describe(
        "Headers that carry the gateway's own credential. Each value is one reference, `${env:NAME}` or `${file:path}`, optionally after a scheme word: `Bearer ${file:token}`.",
      ),
    network: z
      .enum(['public', 'private', 'loopback'])
      .default('public')
      .describe('Which addresses the host may resolve to.'),
  })
  .describe('A server that speaks Streamable HTTP.')

const limits = z
  .strictObject({
    requestBytesMax: whole(1_024, 64 * MIB, 4 * MIB, 'Largest message from a client.'),
    responseBytesMax: whole(1_024, 256 * MIB, 16 * MIB, 'Largest message from the server.'),
    callTimeoutSeconds: whole(1, 3_600, 60, 'A call without an answer for this long is given up.'),
    sessionsPerSubjectMax: whole(1, 100, 8, 'Sessions that one user may hold open on this server.'),
    idleSeconds: whole(10, 86_400, 900, 'A session without traffic for this long is closed.'),
  })
  .describe('Bounds of one server.')

const tool = z
  .strictObject({
    class: toolClass.describe(
      'What the tool can do, in your word; replaces what its name, schema and annotations suggest.',
    ),
    scope: z.boolean().default(false).describe('Gives the tool a scope of its own, `{server}:tool:{name}`.'),
    tier: z
      .enum(TIERS)
      .optional()
      .describe(
        'How long tokens for the tool live. Absent: as its class says. `sensitive` for tools that read personal data.',
      ),
  })
  .describe('One tool.')

const server = z
  .strictObject({
    title: text('Shown on the consent page. Absent: the id.').optional(),
    description: z.string().max(TEXT_CHARS_MAX).default('').describe('One sentence for the consent page.'),
    stdio: stdio.optional(),
    http: http.optional(),
    baseline: toolClasses('Classes asked for when a client names no scope.').default(['read']),
    tools: z
      .record(z.string().min(1).max(256), tool)
      .refine((tools) => Object.keys(tools).length <= TOOLS_MAX, `at most ${TOOLS_MAX} tools`)
      .default({})
      .describe('Your word on single tools, by exact name.'),
    tokenAlgorithm: z
      .enum(TOKEN_ALGORITHMS)
      .default(DEFAULT_TOKEN_ALGORITHM)
      .describe('What its access tokens are signed with. `RS256` for whoever verifies them and knows nothing else.'),
    senderConstraint: senderRule(
      'How tokens of this server have to be bound. Absent: as `senderConstraint.require` says.',
    ).optional(),
    authorization: z
      .strictObject({
        issuer: text('A name of `externalIssuers`.'),
        audience: text(
          '`aud` of its tokens for this server, exactly. Absent: the resource identifier, as it should be.',
        ).optional(),
      })
      .optional()
      .describe(
        'Whose tokens open it: an authorization server elsewhere, and then no token or API key of the gateway does. Absent: those of the gateway.',
      ),
    limits: limits.prefault({}),
  })
  .describe('One MCP server behind the gateway: exactly one of `stdio` and `http`.')
  .meta({ oneOf: [{ required: ['stdio'] }, { required: ['http'] }] })

const externalIssuer = z
  .strictObject({
    issuer: text('`iss` of its tokens, byte for byte. https, unless `network` is `loopback`.'),
    network: z
      .enum(['public', 'private', 'loopback'])
      .default('public')
      .describe('Which addresses its hosts may resolve to.'),
    jwksUri: text('Where its keys are: tokens are JWTs, judged by their signature.').optional(),
    introspection: z
      .strictObject({
        endpoint: text('Its introspection endpoint (RFC 7662).'),
        clientId: text('Who the gateway is there.'),
        secret: text('Its secret there as one reference, `${file:path}` or `${env:NAME}`.'),
      })
      .optional()
      .describe('Tokens are shown to the issuer, which says what they are good for. An answer counts for ten seconds.'),
    tokenTypes: z
      .array(z.enum(['at+jwt', 'jwt', 'none']))
      .min(1)
      .default(['at+jwt'])
      .describe(
        '`typ` of its access tokens. `jwt` and `none` (without one) only for issuers that do not do better: ID tokens look like that.',
      ),
    lifetimeSecondsMax: whole(60, 86_400, 3_600, 'Tokens that live longer are refused.'),
    clientClaims: z
      .array(text('A claim.'))
      .min(1)
      .max(5)
      .default(['client_id', 'azp', 'appid'])
      .describe('Which claim names the client; the first that is there.'),
    scopeClaim: text('Which claim holds the scopes, as one string or as a list.').default('scope'),
    scopes: z
      .record(text('A value.'), toolClasses('What it gives.'))
      .refine((scopes) => Object.keys(scopes).length > 0, 'at least one value')
      .describe('What each of its scopes gives at the server that the token is for. Others give nothing.'),
    accounts: z
      .enum(['linked', 'opened'])
      .default('linked')
      .describe(
        '`linked`: only people with an account here (`sallyport user link`). `opened`: everybody with a token for a server here gets one.',
      ),
    roles: z
      .strictObject({
        claim: text('Claim of the token that holds names, such as `groups` or `roles`.').default('groups'),
        map: z
          .record(text('A value of the claim.'), z.array(z.string().regex(ROLE_NAME_PATTERN)).max(ROLES_MAX))
          .default({})
          .describe('Roles by value of the claim. Values that are not here give none.'),
        always: z
          .array(z.string().regex(ROLE_NAME_PATTERN))
          .max(ROLES_MAX)
          .default([])
          .describe('Roles of everybody with a token.'),
      })
      .optional()
      .describe('What its word makes of a person with each new token. Absent: roles are given here.'),
  })
  .describe('An authorization server elsewhere whose tokens open servers here.')

const tenant = z
  .strictObject({
    file: text(
      'Its configuration: a file like this one without `gateway`, `store` and `tenants`. Relative to this file.',
    ),
  })
  .describe('One tenant.')

export const configurationSchema = z
  .strictObject({
    version: z.literal(1).describe('Version of this format.'),
    gateway: gateway.prefault({}),
    registration: registration.prefault({}),
    clients: z
      .record(z.string().regex(CLIENT_ID_PATTERN), client)
      .refine((clients) => Object.keys(clients).length <= CLIENTS_MAX, `at most ${CLIENTS_MAX} clients`)
      .default({})
      .describe('Clients that you know, by client id. They need no registration and no approval.'),
    login: login.prefault({}),
    identityProviders: z
      .record(z.string().regex(SERVER_ID_PATTERN), identityProvider)
      .refine((providers) => Object.keys(providers).length <= LIST_MAX, `at most ${LIST_MAX} providers`)
      .default({})
      .describe('Identity providers at which people may log in, by a name of your choice.'),
    introspection: z
      .record(z.string().regex(CLIENT_ID_PATTERN), introspectionClient)
      .refine((clients) => Object.keys(clients).length <= CLIENTS_MAX, `at most ${CLIENTS_MAX} resource servers`)
      .default({})
      .describe('Resource servers that may ask about tokens (RFC 7662), by the id that they authenticate with.'),
    trustedIssuers: z
      .record(z.string().regex(SERVER_ID_PATTERN), trustedIssuer)
      .refine((issuers) => Object.keys(issuers).length <= LIST_MAX, `at most ${LIST_MAX} issuers`)
      .default({})
      .describe('Whose assertions are exchanged for tokens, by a name of your choice.'),
    externalIssuers: z
      .record(z.string().regex(SERVER_ID_PATTERN), externalIssuer)
      .refine((issuers) => Object.keys(issuers).length <= LIST_MAX, `at most ${LIST_MAX} issuers`)
      .default({})
      .describe('Authorization servers elsewhere whose tokens open servers here directly, by a name of your choice.'),
    lifetimes: lifetimes.prefault({}),
    signingKeys: signingKeys.prefault({}),
    senderConstraint: senderConstraint.prefault({}),
    store: store.prefault({}),
    tenants: z
      .record(z.string().regex(SERVER_ID_PATTERN), tenant)
      .refine((tenants) => Object.keys(tenants).length <= TENANTS_MAX, `at most ${TENANTS_MAX} tenants`)
      .default({})
      .describe(
        'Tenants by name: each is its own issuer, `publicUrl/t/NAME`, with its own people, clients, servers, keys and log.',
      ),
    roles: z
      .record(z.string().regex(ROLE_NAME_PATTERN), role)
      .refine((roles) => Object.keys(roles).length <= ROLES_MAX, `at most ${ROLES_MAX} roles`)
      .optional()
      .describe(
        'Roles by name. Absent: `operator`, `user`, `auditor` and `approver` as documented; given, they replace those.',
      ),
    servers: z
      .record(z.string().regex(SERVER_ID_PATTERN), server)
      .refine((servers) => Object.keys(servers).length <= SERVERS_MAX, `at most ${SERVERS_MAX} servers`)
      .default({})
      .describe('MCP servers by id. The id is part of the resource identifier and of every scope: choose it for good.'),
  })
  .meta({ title: 'sallyport.yaml' })

/** What all tenants share, so that it stands in the gateway's own file alone. */
export const GATEWAY_SECTIONS = ['gateway', 'store', 'tenants'] as const

/** The shape of a tenant's file. */
export const tenantSchema = configurationSchema.omit({ gateway: true, store: true, tenants: true })

/** A whole configuration, defaults filled in. */
export type Configuration = z.output<typeof configurationSchema>
export type GatewaySection = Configuration['gateway']
export type ServerSection = Configuration['servers'][string]
export type StoreSection = Configuration['store']
export type StatementSection = Configuration['registration']['statements'][number]
export type TrustedIssuerSection = Configuration['trustedIssuers'][string]
export type ClientSection = Configuration['clients'][string]
export type RoleSection = NonNullable<Configuration['roles']>[string]
