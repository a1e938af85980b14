/** What a refusal means to an operator, and what to do about it. */
export interface Explanation {
  readonly meaning: string
  readonly action: string
}

/** By the record's `status_code`, else by its activity; null if there is nothing to say. */
export function explanationOf(reason: string, activity: string): Explanation | null {
  return entryOf(BY_REASON, reason.split(':', 1)[0] ?? '') ?? entryOf(BY_ACTIVITY, activity)
}

/** Names that every object has are no entries. */
function entryOf<T>(table: Readonly<Record<string, T>>, name: string): T | null {
  return Object.hasOwn(table, name) ? (table[name] ?? null) : null
}

/** What stands before a colon in a reason, which may be followed by a finer cause. */
const BY_REASON: Readonly<Record<string, Explanation>> = {
  tokenMissing: {
    meaning: 'The request carried no access token. Every client starts this way: the 401 tells it where to get one.',
    action: 'Nothing, if the client then logged in. If it never does, it may not support OAuth for MCP servers.',
  },
  tokenInvalid: {
    meaning: 'The access token was refused: wrong signature, issuer, audience or form, or it is expired or revoked.',
    action: 'The client should refresh or log in again. Repeated refusals from one client mean it keeps a stale token.',
  },
  senderUnproven: {
    meaning:
      'A good access token was shown without what it is bound to, or is not bound where a rule wants it. What follows the colon says which.',
    action:
      'boundTokenAsBearer or another certificate: somebody may hold a copy of the token; revoke its grant if the client is not known to do so. dpopRequired, mtlsRequired, bindingRequired: the client has to connect again, and to know DPoP or mutual TLS.',
  },
  userCodeUnknown: {
    meaning: 'Somebody entered a code at /device that no device shows now.',
    action: 'Nothing, if they then found the right one. Many from one address: somebody guesses; the limits hold them.',
  },
  userCodeExpired: {
    meaning: 'Somebody entered the code of a device more than ten minutes after it was shown.',
    action: 'Start again on the device.',
  },
  userCodesTooMany: {
    meaning: 'Too many device codes were entered from one browser or address within a quarter of an hour.',
    action: 'Wait. From an address that many people share, this may be several of them.',
  },
  devicePollsTooFast: {
    meaning: 'A device asked for its tokens more often than it was told to.',
    action: 'Nothing, if it then slows down. A client that never does is not made well.',
  },
  pushedRequestUsedUp: {
    meaning: 'A sign-in link of a pushed request was opened a second time, or more than a minute after it was made.',
    action: 'The person starts again from the app. Programs that open links in messages can use them up.',
  },
  pushedRequestMissing: {
    meaning: 'A client whose requests have to be pushed (RFC 9126) sent one through the browser.',
    action: 'Somebody else may have made the link. If it was the client: it does not do what it registered for.',
  },
  subjectTokenInvalid: {
    meaning:
      'A client wanted to exchange a token that is not good; after the colon is what a server’s door would have said.',
    action: 'The client needs a newer token from whoever it acts for. Many of these: it keeps tokens too long.',
  },
  subjectTokenBound: {
    meaning: 'A client wanted to exchange a token that is bound to a key or certificate which it did not show.',
    action: 'If the client is not known to have been handed this token: somebody has a copy. Revoke its grant.',
  },
  scopeBeyondSubject: {
    meaning: 'A client wanted to exchange a token for scopes that the token or the client itself does not have.',
    action: 'If the client should have them: add them to its `scopes` under `clients`.',
  },
  noScopeShared: {
    meaning: 'A client wanted to exchange a token and holds none of its scopes.',
    action: 'If the client should have some: add them to its `scopes` under `clients`.',
  },
  delegationTooDeep: {
    meaning: 'A token that had been handed on three times was to be exchanged once more.',
    action: 'Shorten the chain of agents.',
  },
  assertionIssuerUnknown: {
    meaning: 'An assertion came whose issuer the configuration does not name.',
    action: 'If it should be trusted: add it to `trustedIssuers`, with `issuer` exactly as in `iss`.',
  },
  workloadUnknown: {
    meaning: 'A good assertion of a trusted issuer fits no workload of the configuration.',
    action: 'If it should: compare its claims with `claims` of the workload; they are compared exactly.',
  },
  workloadAmbiguous: {
    meaning: 'A good assertion of a trusted issuer fits two workloads of the configuration.',
    action: 'Write claims that tell the two apart.',
  },
  assertionForOthers: {
    meaning: 'An assertion of a trusted issuer was made for somebody else.',
    action: 'Let the platform make it for `gateway.publicUrl`, or write the workload’s `audience`.',
  },
  assertionNotTaken: {
    meaning:
      'An assertion came that its issuer may not make here, of the wrong type, or from a client that did not prove who it is.',
    action: 'Does the issuer have `identityAssertions`, and is the client confidential? Workloads send no `client_id`.',
  },
  assertionForOtherClient: {
    meaning: 'A client brought an assertion that was made for another client.',
    action:
      'Register the client at the identity provider under the client id that it has here. Otherwise it was stolen.',
  },
  assertionForOtherResource: {
    meaning: 'An assertion about a person is for a resource that is not behind this gateway.',
    action: 'Register `publicUrl/mcp/SERVER` as resource at the identity provider.',
  },
  subjectNotLinked: {
    meaning:
      'A good assertion is about somebody who has no account here, or whose account is somebody else at that provider.',
    action: 'Say who they are: `sallyport user link NAME --issuer ISS --subject SUB`.',
  },
  noScopeAsserted: {
    meaning: 'Of the scopes that were asked for none is allowed by assertion, roles and client together.',
    action: 'Compare the assertion’s `scope`, the roles of the account, and `scopes` of the client.',
  },
  assertionReplayed: {
    meaning: 'An assertion that is good once came a second time. Nothing was given for it.',
    action: 'A program that keeps it needs `repeatable`. Otherwise somebody has a copy.',
  },
  assertionSignatureInvalid: {
    meaning: 'An assertion is not signed by the issuer that it names.',
    action: 'If keys were pinned: has the issuer new ones? Otherwise somebody made it up.',
  },
  assertionKeyUnknown: {
    meaning: 'An assertion is signed with a key that its issuer does not publish, or that is not pinned.',
    action: 'If keys were pinned: has the issuer new ones? Otherwise somebody made it up.',
  },
  assertionKeysUnavailable: {
    meaning: 'The keys of a trusted issuer could not be fetched. Its assertions were answered with 503.',
    action: 'Is `jwksUri` right, and may its host be reached (`network`)?',
  },
  assertionLivesTooLong: {
    meaning: 'An assertion was made for longer than the configuration lets it live.',
    action: 'Let the platform make shorter ones, or raise `lifetimeSecondsMax`.',
  },
  notAService: {
    meaning: 'A client asked for a token in its own name, and the configuration does not let it.',
    action: 'If it should: write `client_credentials` and `scopes` at it under `clients`.',
  },
  grantTypeNotAllowed: {
    meaning: 'A client asked for a token in a way that is not among its grant types.',
    action: 'If it should: add the grant type at it under `clients`. Clients that register themselves cannot have it.',
  },
  clientAuthMethodWrong: {
    meaning: 'A client proved who it is in another way than it is known by: no secret, or one in another place.',
    action: 'Let the client do what `authMethod` says, or write there what it does.',
  },
  scopeBeyondService: {
    meaning: 'A service asked for scopes that the configuration does not give it.',
    action: 'If it should have them: add them to its `scopes` under `clients`.',
  },
  noScopeHeldThere: {
    meaning: 'A service asked for a token of a server at which it holds no scope.',
    action: 'If it should have one: add it to its `scopes` under `clients`.',
  },
  proofInvalid: {
    meaning:
      'The DPoP proof beside a good access token is missing, of another key, about another request, too old, or was used before.',
    action:
      'proofReplayed: a proxy that repeats requests, or somebody who saw one. proofForOtherUrl: the client uses another address than gateway.publicUrl. proofTooOld, proofFromFuture: a clock. proofKeyMismatch: a copy of the token without its key.',
  },
  proofNonceNeeded: {
    meaning: 'The DPoP proof did not repeat the current nonce; the client was told which one.',
    action:
      'Nothing, if the client then gets through. If it never does, it cannot use nonces: see senderConstraint.nonces.',
  },
  dpopRequired: {
    meaning: 'A client asked for an access token without a DPoP proof, and a rule wants it bound to a key.',
    action: 'Use a client that knows DPoP (RFC 9449), or change senderConstraint.',
  },
  mtlsRequired: {
    meaning: 'A client asked for an access token without a client certificate, and a rule wants it bound to one.',
    action: 'Send the client to the mutual TLS endpoint with its certificate, or change senderConstraint.',
  },
  bindingRequired: {
    meaning:
      'A client asked for an access token without a DPoP proof or client certificate, and a rule wants one of them.',
    action: 'Use a client that knows either, or change senderConstraint.',
  },
  proofReplayed: {
    meaning: 'A DPoP proof was sent to the token endpoint a second time. Nothing was given out for it.',
    action: 'A proxy that repeats requests, or somebody who saw one. The client goes on with a new proof.',
  },
  proofKeyMismatch: {
    meaning: 'A code or refresh token that is bound to a key was used with another key, or with none.',
    action: 'Somebody may hold a copy of it. It is worth nothing without the key; revoke the grant if in doubt.',
  },
  tokenInQuery: {
    meaning: 'The access token was sent in the URL, where logs and proxies see it (RFC 9700 §4.3.2).',
    action: 'Fix the client; treat that token as leaked and revoke its grant with `sallyport grant revoke`.',
  },
  scopeInsufficient: {
    meaning: 'The token is good but lacks the scope that this call needs; the client was told which to ask for.',
    action: 'The user consents again with the wider scope. Clients that cannot step up must be authorized anew.',
  },
  roleForbids: {
    meaning: "None of the user's roles allows this class of tool on this server.",
    action:
      'If it should be allowed, change the role in the configuration or give the user another with `sallyport user roles`.',
  },
  sessionUnknown: {
    meaning: 'The MCP session id is unknown, ended, or belongs to somebody else. The answer is the same for all three.',
    action: 'Clients open a new session by themselves. Many of these from one address may be guessing.',
  },
  toolUnknown: {
    meaning: 'No such tool after listing the tools of the server once.',
    action: 'Check the spelling, or whether the server changed.',
  },
  originForbidden: {
    meaning: 'A browser page of an origin that is not configured called the gateway.',
    action: 'Add the origin to gateway.allowedOrigins only if you know that page.',
  },
  hostForeign: {
    meaning:
      'The request named another host than publicUrl: a wrong address, a probe, or a page that rebinds its name.',
    action: 'Nothing, unless it is your own proxy: it must pass the Host of publicUrl on.',
  },
  pendingTooLong: {
    meaning: 'Clients that had registered themselves were forgotten, because nobody approved them for seven days.',
    action:
      'Nothing. Whoever still wants in connects again and is then shown by `sallyport client list --status pending`.',
  },
  proxyBypassed: {
    meaning: 'Somebody spoke plain HTTP to the gateway directly, around the proxy that ends TLS.',
    action:
      'If it is your proxy, name its address in gateway.trustedProxies. Else close the port to everybody but the proxy.',
  },
  targetMalformed: {
    meaning:
      'The address of the request could be read in two ways (dots, double slashes, encoded slashes, a full URL).',
    action: 'Nothing: it was not looked at further. Many of these from one address are probing.',
  },
  httpMalformed: {
    meaning: 'What came in was not one HTTP request that everybody would read alike.',
    action: 'Nothing: the connection was closed. If it is your proxy, look at its version.',
  },
  methodNotAllowed: {
    meaning: 'The address exists but does not take this HTTP method.',
    action: 'Nothing, unless it is a client of yours: the answer told it which methods there are.',
  },
  verifierUnavailable: {
    meaning: 'Tokens could not be checked: the store or the revocation feed did not answer within a second.',
    action: 'Look at the disk and the log around this time. Nothing was let through.',
  },
  upstreamUnavailable: {
    meaning: 'The MCP server did not start, did not answer, or answered nonsense.',
    action: 'Look for its stderr in the gateway log.',
  },
  gatewayStopped: {
    meaning: 'The gateway ended while this call was under way. Whether the MCP server carried it out is not known.',
    action: 'Look at the server before the call is repeated. The record was written at the next start.',
  },
  notSent: {
    meaning: 'The call was recorded but not sent, because something that belongs with it could not be done.',
    action: 'Nothing: the server never saw it.',
  },
  upstreamTimeout: {
    meaning: 'The MCP server took longer than limits.callTimeoutSeconds.',
    action: 'Raise the limit for that server or look why it is slow.',
  },
  resultRefused: {
    meaning: 'What the server answered may not leave, for example because it held our own credential.',
    action: 'Treat the server as suspect until you know why.',
  },
  argumentsRefused: {
    meaning:
      'The parameters could not be used, or held the caller’s own access token or a credential of the gateway; the reason after the colon says which.',
    action: 'Look at the client. If it puts a token into tool arguments, find out why.',
  },
  challengeReused: {
    meaning: 'An authorization was begun with a code_challenge that had its code already.',
    action:
      'Nothing was given out. A client has to make a new one each time; if it does, somebody sends old links around.',
  },
  loginOver: {
    meaning: 'The login in which the person decided ended before they did (lifetimes.loginSessionSeconds).',
    action: 'Nothing was given out. They log in again.',
  },
  refreshTokenOvertaken: {
    meaning:
      'A refresh token was used a second time within 20 seconds, when the client had gone on from the first use.',
    action:
      'Nothing was given out, and the grant lives. A client that runs several times with one store reads it anew.',
  },
  refreshTokenReused: {
    meaning:
      'A refresh token was used a second time, later than 20 seconds after the first. Either it was stolen, or a client keeps an old one.',
    action: 'The grant is revoked; the user logs in again. If it recurs, look where the client keeps its tokens.',
  },
  codeReplayed: {
    meaning: 'An authorization code was redeemed twice.',
    action: 'The grant is revoked. Look for an intercepted redirect.',
  },
  wrongPassword: {
    meaning: 'The password was wrong, or there is no such user.',
    action: 'Nothing, unless there are many.',
  },
  providerUnreachable: {
    meaning: 'The identity provider could not be asked, or answered something that is no answer.',
    action:
      'Look at it, at the network in between, and at `issuer` and `network` in the configuration. Logins work again by themselves.',
  },
  providerRefused: {
    meaning: 'The identity provider sent an error instead of a login, or would not redeem its code.',
    action:
      'Look at its own log. Often: the secret has changed, the redirect URI is not registered, or the person declined.',
  },
  idTokenInvalid: {
    meaning:
      'What the identity provider is said to have signed is not for this login: another signature, issuer, client, nonce or time.',
    action:
      'Compare `issuer` and `clientId` with what the provider shows, and the clocks. If they are right, somebody interfered.',
  },
  authenticationTooOld: {
    meaning: 'The identity provider let somebody through on a login that is older than it was asked for (`max_age`).',
    action: 'Have it honour `max_age`, or let logins here last longer (`lifetimes.loginSessionSeconds`).',
  },
  tenantMismatch: {
    meaning: 'The identity provider vouched for somebody of another tenant than the one that the configuration names.',
    action: 'Nothing, if they do not belong here. Else compare `issuer` with the tenant that the provider shows.',
  },
  loginNotBegunHere: {
    meaning: 'A browser came back from the identity provider with a login that it did not begin, or that was over.',
    action:
      'Nothing, if the person tried again and got in. Many: somebody sends links that log people in as somebody else.',
  },
  loginEndedMeanwhile: {
    meaning: 'While somebody was on the way back from the identity provider, it said that their session is over.',
    action: 'Nothing: they log in again. Always the same person: look why the provider ends their sessions.',
  },
  loggedOutAtProvider: {
    meaning:
      'The identity provider said that this person has logged out or is gone, and what `logoutEnds` names ended here.',
    action: 'Nothing. Too much ended: `identityProviders.<name>.logoutEnds: session`.',
  },
  goneAtProvider: {
    meaning:
      'The identity provider, asked again, no longer vouches for this person, and what `logoutEnds` names ended here.',
    action:
      'Nothing, if they left or logged out. Always after the same time: the provider’s refresh tokens end too early.',
  },
  subjectChanged: {
    meaning: 'The identity provider, asked again about one person, named another. What the first held here ended.',
    action: 'Ask whoever runs the provider: this must not happen.',
  },
  providerRemoved: {
    meaning: 'A login came from an identity provider that is no longer in the configuration, and ended.',
    action: 'Nothing.',
  },
  providerSilentTooLong: {
    meaning:
      'The identity provider could not be asked about this person for `recheck.unreachableSeconds`. They are let in nowhere.',
    action: 'Have the provider answer again; they come back by themselves. The operator’s log says what is wrong.',
  },
  providerAnswersAgain: {
    meaning: 'The identity provider vouches for this person again, who comes back in.',
    action: 'Nothing.',
  },
  recheckTakenOut: {
    meaning:
      'A login that waited for its identity provider to answer ended, because `recheck` was taken out of the configuration.',
    action: 'Nothing: they log in again.',
  },
  refreshTokenMissing: {
    meaning: 'The identity provider gave no refresh token, so that it could not be asked again, which `recheck` wants.',
    action: 'Add `offline_access` to `identityProviders.<name>.scopes`, allow it there, or take `recheck` out.',
  },
  secondFactorNeeded: {
    meaning: 'The right password came; it is a login only together with a second factor, which was asked for.',
    action: 'Nothing. Many without a login after them: somebody knows the password. Give the account another.',
  },
  wrongCode: {
    meaning: 'After the right password came a code that is not right.',
    action: 'Nothing, if a right one followed. Else somebody knows the password: give the account another.',
  },
  codeUsed: {
    meaning: 'After the right password came a code that was used before.',
    action: 'Nothing, if the person pressed twice. Else somebody saw the code: look at the login that used it.',
  },
  factorThrottled: {
    meaning: 'Too many codes were tried after the right password, for one account or from one address.',
    action: 'Somebody knows the password: give the account another.',
  },
  passkeyRefused: {
    meaning: 'What came as a passkey is none of ours, or signed for another page, another browser or another time.',
    action:
      'Nothing, if the person got in afterwards. A counter that went back is refused so too: that passkey was copied.',
  },
  secondFactorEnrolled: {
    meaning: 'Somebody set up an authenticator app or a passkey for their account.',
    action: 'Nothing.',
  },
  secondFactorRemoved: {
    meaning: 'Somebody removed an authenticator app or a passkey from their account.',
    action: 'Nothing.',
  },
  recoveryCodesRenewed: { meaning: 'Somebody had new recovery codes made; the old ones are gone.', action: 'Nothing.' },
  recoveryCodeUsed: {
    meaning: 'A recovery code replaced a second factor, once.',
    action: 'Nothing, if the person has lost their device. Ask them.',
  },
  secondFactorsReset: {
    meaning: 'An operator took away the second factors of an account, which are to be set up anew.',
    action: 'Nothing.',
  },
  oneFactorOnly: {
    meaning:
      'What was asked for or called needs a login with more than one factor (`login.tiers`), and this one had one, or there was none.',
    action:
      'Have the person log in with a second factor. If they did: the provider says so neither in `amr` nor in an `acr` of `identityProviders.<name>.multiFactorAcr`.',
  },
  tooLongAgo: {
    meaning:
      'What was asked for or called needs a more recent login than this one (`login.tiers`), or one whose time the provider says.',
    action: 'The person logs in again. If that does not help: the provider does not send `auth_time`.',
  },
  loginInsufficient: {
    meaning:
      'Somebody consented to more than their login is strong or recent enough for (`login.tiers`); nothing was given.',
    action: 'They connect again from their app, and log in when asked.',
  },
  logoutOfNobody: {
    meaning: 'The identity provider said that somebody has logged out who is nobody here, or has nothing open.',
    action: 'Nothing.',
  },
  logoutProviderUnknown: {
    meaning: 'A logout token came to the address of an identity provider that is not in the configuration.',
    action: 'If you took the provider out: take the address out there too.',
  },
  logoutTokenInvalid: {
    meaning: 'What came as a logout token is not one that this identity provider signed.',
    action: 'If it came from the provider: compare `issuer` with what it shows. Else nothing: it ended nothing.',
  },
  logoutTokenForAnother: {
    meaning: 'A logout token of the identity provider is for another application of it.',
    action: 'Compare `clientId` with the application that has our address for logouts.',
  },
  logoutTokenTooOld: {
    meaning: 'A logout token is older than five minutes, from the future, or expired.',
    action: 'Compare the clocks. Many: somebody sends old ones again.',
  },
  logoutTokenClaimMissing: {
    meaning: 'A logout token names nobody, or has no `jti` that makes it one of a kind.',
    action: 'Have the provider send `sub` or `sid`, and `jti`.',
  },
  logoutTokenNotALogout: {
    meaning: 'A token of the identity provider was sent as a logout, but does not say that it is one.',
    action: 'Somebody who got hold of an ID token tries it as a logout. It ended nothing.',
  },
  logoutTokenTypeWrong: {
    meaning: 'A token of another kind was sent as a logout token.',
    action: 'Somebody who got hold of such a token tries it as a logout. It ended nothing.',
  },
  logoutTokenReplayed: {
    meaning: 'A logout token came a second time.',
    action: 'Nothing, if the provider repeats what it has sent; the first one counted.',
  },
  subjectMissing: {
    meaning: 'The identity provider named nobody: its ID token has no usable `sub`.',
    action: 'Set it up so that `sub` is a text of at most 255 characters.',
  },
  notLinked: {
    meaning: 'The identity provider vouches for somebody who has no account here.',
    action:
      'Add the account and link it (`sallyport user link`), or let the provider open accounts (`accounts: opened`).',
  },
  usernameTaken: {
    meaning: 'The identity provider vouches for somebody new whose name an account here has already.',
    action: 'If they are the same person, `sallyport user link`. They are never joined by name alone.',
  },
  groupsUnknown: {
    meaning:
      'The groups are unknown: the identity provider left them out because there are too many, or they could not be looked up. What the person may do is then unknown too, and refused.',
    action:
      'Have it send only the groups of this application, or application roles; or look at `roles.lookup` and at what its credential may read.',
  },
  throttled: {
    meaning: 'Too many attempts for this account or address.',
    action: 'Wait, or reset the password with `sallyport user password`.',
  },
  serverUnknown: {
    meaning: 'The URL names no configured server.',
    action: 'Compare it with the addresses that `sallyport serve` prints.',
  },
  mediaTypeUnsupported: {
    meaning: 'The body was not sent as application/json.',
    action: 'Fix the client.',
  },
  notAcceptable: {
    meaning: 'The client did not say that it takes application/json and text/event-stream.',
    action: 'Fix the client: MCP wants both in its Accept header.',
  },
  headerMalformed: {
    meaning: 'A header was there twice, or could not be read.',
    action: 'Fix the client, or the proxy in between that adds the header.',
  },
  bodyTooLarge: {
    meaning: 'The message is larger than limits.requestBytesMax of the server.',
    action: 'Raise that limit in the configuration if such messages are meant.',
  },
  jsonInvalid: {
    meaning:
      'The body is not strict JSON: not UTF-8, a key twice, nested too deep, or a number that would lose digits.',
    action: 'Fix the client.',
  },
  messageInvalid: {
    meaning: 'The JSON is not one JSON-RPC message of MCP.',
    action: 'Fix the client.',
  },
  batchNotAllowed: {
    meaning: 'Only revision 2025-03-26 knows batches.',
    action: 'Fix the client: one message a request.',
  },
  revisionUnsupported: {
    meaning: 'The client speaks a revision of MCP that the gateway does not.',
    action: 'The answer named the revisions that work; most clients choose one by themselves.',
  },
  authorizationMalformed: {
    meaning: 'The Authorization header is not one bearer token.',
    action: 'Fix the client.',
  },
  sessionRequired: {
    meaning: 'A message came without a session id, before or instead of initialize.',
    action: 'Fix the client, or the proxy in between that drops Mcp-Session-Id.',
  },
  sessionsExhausted: {
    meaning: 'The user holds limits.sessionsPerSubjectMax sessions on this server already.',
    action: 'Close some, wait limits.idleSeconds, or raise the limit.',
  },
  headerMismatch: {
    meaning:
      'A header of the request said something else than its body, or was missing; revision 2026-07-28 demands that they agree.',
    action:
      'Look for a proxy that changes or drops Mcp-* headers. From a client that did not do so before, it may be an attack.',
  },
  metaInvalid: {
    meaning: 'The request named revision 2026-07-28 but its _meta lacked what every request of that revision needs.',
    action: 'Nothing, unless one client keeps doing it: then it does not follow the revision it names.',
  },
  methodUnknown: {
    meaning:
      'The gateway does not know this method in revision 2026-07-28, so it lets nobody use it. Extensions are not in force.',
    action: 'Nothing, unless the client cannot do without it.',
  },
  capabilityMissing: {
    meaning: 'The server wanted to ask something that the client had not declared it can answer.',
    action: 'Use a client that can (elicitation, sampling or roots), or another tool.',
  },
  requestStateRefused: {
    meaning:
      'The request brought a requestState that was not given to this user and client for this very request, is older than ten minutes, or was used.',
    action: 'Nothing, if it was too old. Otherwise the state was taken from another request or changed on the way.',
  },
  methodUnmapped: {
    meaning: 'The gateway does not know what this method may do, so it lets nobody use it.',
    action: 'Nothing, unless the client cannot do without it.',
  },
  rateLimited: {
    meaning: 'Too many requests in a short time.',
    action: 'The answer said when to try again.',
  },
  auditUnavailable: {
    meaning: 'The audit log could not be written, and nothing happens unrecorded.',
    action: 'Look at the disk and the log around this time.',
  },
  shuttingDown: {
    meaning: 'The gateway was being stopped.',
    action: 'Nothing: clients try again.',
  },
  clientUnknown: {
    meaning: 'The client id is not known here: never registered, removed, or a document that was refused.',
    action: 'The user removes the connection in the app and adds it again. `sallyport client list` shows who is known.',
  },
  clientPending: {
    meaning: 'The client registered itself and waits for approval.',
    action: '`sallyport client approve` with its id, if you know it.',
  },
  registrationClosed: {
    meaning: 'New clients are not taken: registration.mode is closed.',
    action: 'Set it to approval for as long as you need.',
  },
  documentsOff: {
    meaning: 'The client names itself by a URL, and registration.metadataDocuments is false.',
    action: 'The user removes the connection in the app and adds it again: it then registers itself.',
  },
  registrationRate: {
    meaning: 'One address registered too many clients within an hour.',
    action: 'Wait, or raise registration.perAddressPerHour.',
  },
  registrationRateAll: {
    meaning: 'Too many clients registered within an hour, from all addresses together.',
    action:
      'Wait, or raise registration.perHour. If it is no rush of your own, set registration.mode to statement or closed.',
  },
  statementNeeded: {
    meaning:
      'The client brought neither a software statement nor an initial access token, and registration.mode is statement.',
    action: 'Give whoever runs it a token: `sallyport client token create`.',
  },
  statementInvalid: {
    meaning: 'The software statement is not signed by its issuer, has expired, or is for somebody else.',
    action: 'Ask the issuer for a new one; the word after the colon says what is wrong.',
  },
  statementUnapproved: {
    meaning: 'The software statement is of an issuer that is not in registration.statements.',
    action: 'Add the issuer with its keys if you trust what it says about clients.',
  },
  statementKeysUnavailable: {
    meaning: 'The keys of the issuer of a software statement could not be fetched.',
    action: 'Look whether its jwksUri answers; or pin its keys.',
  },
  statementIssuerFull: {
    meaning: 'Statements of this issuer have let in as many clients as they may.',
    action: 'Remove some with `sallyport client remove`, or raise clientsMax of the issuer.',
  },
  initialAccessTokenInvalid: {
    meaning: 'The initial access token is unknown, used up, expired or revoked; the word after the colon says which.',
    action: 'Make another with `sallyport client token create`.',
  },
  documentHostRefused: {
    meaning: 'The client names itself by a URL of a host that registration.documentHosts does not accept.',
    action: 'Add the host to `allow`, or take it out of `deny`, if you trust who runs it.',
  },
  clientChanged: {
    meaning:
      'The name, redirects or keys in the metadata document of the client are others than the person consented to.',
    action: 'The grant is revoked; the person is asked again when the client connects anew. Look what has changed.',
  },
  unusedTooLong: {
    meaning: 'A client that registered itself was forgotten, because nobody used it for registration.unusedDays.',
    action: 'Nothing. Whoever still wants in connects again.',
  },
  clientsFull: {
    meaning: 'registration.clientsMax clients are kept already.',
    action: 'Remove some with `sallyport client remove`, or raise the limit.',
  },
  redirectMismatch: {
    meaning: 'The redirect URI is not the one that the code was issued for.',
    action: 'Fix the client.',
  },
  invalidRedirectUri: {
    meaning: 'The redirect URI is not one that the client registered.',
    action:
      'The user removes the connection in the app and adds it again. Followed a link instead? Then it was an attack.',
  },
  pkceMissing: {
    meaning: 'The client sent no PKCE challenge (RFC 7636).',
    action: 'Fix the client: OAuth 2.1 wants code_challenge with S256.',
  },
  pkceVerifierWrong: {
    meaning: 'The code verifier does not belong to the code.',
    action: 'Look for an intercepted redirect if it recurs.',
  },
  codeUnknown: {
    meaning: 'The authorization code is not one of ours, or its time is long over.',
    action: 'The client starts again by itself.',
  },
  codeExpired: {
    meaning: 'The authorization code was redeemed too late.',
    action: 'The client starts again by itself.',
  },
  refreshTokenUnknown: {
    meaning: 'The refresh token is not one of ours, or its grant has ended.',
    action: 'The user logs in again.',
  },
  refreshTokenExpired: {
    meaning: 'The refresh token has reached its end (lifetimes.refreshTokenSeconds).',
    action: 'The user logs in again.',
  },
  grantExpired: {
    meaning: 'The authorization has reached its end.',
    action: 'The user logs in again.',
  },
  unknownUser: {
    meaning: 'The password was wrong, or there is no such user.',
    action: 'Nothing, unless there are many.',
  },
  accountDisabled: {
    meaning: 'The account is disabled.',
    action: '`sallyport user enable`, if the person should be back.',
  },
  accountNotActive: {
    meaning: 'The account is disabled or gone.',
    action: '`sallyport user enable`, if the person should be back.',
  },
  scopeBeyondRole: {
    meaning: 'More was to be allowed than the roles of the account allow.',
    action: 'Give another role with `sallyport user roles`, or change the role in the configuration.',
  },
  setupLinkInvalid: {
    meaning: 'The setup link was used, is too old, or was replaced.',
    action: 'Restart `sallyport serve` for a new one, or use `sallyport user add`.',
  },
  configurationInvalid: {
    meaning: 'The changed configuration has problems; the old one is still in force.',
    action: '`sallyport check` names file, line and column.',
  },
  adminRoleForbids: {
    meaning: 'The admin role of the caller does not allow this.',
    action: 'docs/cli.md has the table of who may do what.',
  },
}

/** For refusals whose reason names a detail, of the network or of a document: what the activity as a whole means. */
const BY_ACTIVITY: Readonly<Record<string, Explanation>> = {
  'client.register': {
    meaning:
      'A client was not admitted: what it registered, or the document at its client_id URL, is not usable or could not be fetched.',
    action:
      'If the gateway has no way to the internet, set registration.metadataDocuments to false and add the connection in the app again. Otherwise tell whoever makes the client.',
  },
}
