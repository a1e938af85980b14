/**
 * What to tell an operator about a refusal: what the inward reason means and what to do.
 * Keyed by `status_code` of the record; a reason without an entry is explained by its activity alone.
 */
const EXPLANATIONS: Readonly<Record<string, { readonly meaning: string; readonly action: string }>> = {
  tokenMissing: {
    meaning: 'The request carried no access token. Every client starts this way: the 401 tells it where to get one.',
    action: 'Nothing, if the client then logged in. If it never does, it may not support OAuth for MCP servers.',
  },
  tokenInvalid: {
    meaning: 'The access token was refused: wrong signature, issuer, audience or form, or it is expired or revoked.',
    action: 'The client should refresh or log in again. Repeated refusals from one client mean it keeps a stale token.',
  },
  tokenInQuery: {
    meaning: 'The access token was sent in the URL, where logs and proxies see it (RFC 9700 §4.3.2).',
    action: 'Fix the client; treat that token as leaked and revoke its grant with `sallyport grant revoke`.',
  },
  scopeInsufficient: {
    meaning: 'The token is good but lacks the scope that this tool needs; the client was told which to ask for.',
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
    meaning: 'The arguments held the caller’s own access token.',
    action: 'Find out why the client puts its token into tool arguments.',
  },
  refreshTokenReused: {
    meaning:
      'A refresh token was used a second time. Either it was stolen, or a client runs twice with one stored token.',
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
  throttled: {
    meaning: 'Too many attempts for this account or address.',
    action: 'Wait, or reset the password with `sallyport user password`.',
  },
}

export interface ExplainedRecord {
  readonly time: string
  readonly activity: string
  readonly outcome: string
  readonly reason: string | null
  readonly subject: string | null
  readonly clientId: string | null
  readonly server: string | null
  readonly tool: string | null
  readonly method: string | null
  readonly meaning: string | null
  readonly action: string | null
}

/** One record's canonical JSON in words. Fields that are missing are null. */
export function explainRecord(body: string): ExplainedRecord {
  const record: unknown = JSON.parse(body)
  const text = (...path: string[]): string | null => {
    let at: unknown = record
    for (const key of path)
      at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined
    return typeof at === 'string' ? at : null
  }
  const time = (record as { time?: unknown }).time
  const reason = text('status_code')
  const explanation = reason === null ? undefined : EXPLANATIONS[reason.split(':', 1)[0] ?? '']
  return {
    time: typeof time === 'number' ? new Date(time).toISOString() : '',
    activity: text('activity_name') ?? '',
    outcome: text('status') ?? '',
    reason,
    subject: text('actor', 'user', 'uid'),
    clientId: text('actor', 'app_uid'),
    server: text('api', 'service', 'name'),
    tool: text('unmapped', 'tool'),
    method: text('api', 'operation'),
    meaning: explanation?.meaning ?? null,
    action: explanation?.action ?? null,
  }
}
