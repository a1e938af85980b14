import { describe, expect, it } from 'vitest'
import { asRequestId } from '#core/ids.ts'
import type { Refusal } from '#data-plane/refusal.ts'
import { answerRefusal } from '#data-plane/refusal-answer.ts'
import { testServer, testSnapshot } from '../support/snapshot.ts'

const METADATA = 'resource_metadata="http://127.0.0.1:8700/.well-known/oauth-protected-resource/mcp/files"'
const REALM = 'realm="http://127.0.0.1:8700/mcp/files"'

interface Pin {
  readonly refusal: Refusal
  readonly status: number
  readonly code: number
  readonly message: string
  readonly headers?: Record<string, string>
  readonly data?: Record<string, unknown>
}

/** One of every arm: the type makes a forgotten one an error here. */
const PINS: { readonly [Name in Refusal['name']]: Pin } = {
  originForbidden: {
    refusal: { name: 'originForbidden' },
    status: 403,
    code: -32000,
    message: 'This origin may not use this server',
  },
  serverUnknown: {
    refusal: { name: 'serverUnknown' },
    status: 404,
    code: -32000,
    message: 'There is no such server here',
  },
  methodNotAllowed: {
    refusal: { name: 'methodNotAllowed', allow: ['POST', 'GET', 'DELETE'] },
    status: 405,
    code: -32000,
    message: 'This address does not take this method',
    headers: { allow: 'POST, GET, DELETE' },
  },
  mediaTypeUnsupported: {
    refusal: { name: 'mediaTypeUnsupported' },
    status: 415,
    code: -32000,
    message: 'The body must be application/json in UTF-8, not compressed',
    headers: { accept: 'application/json' },
  },
  notAcceptable: {
    refusal: { name: 'notAcceptable' },
    status: 406,
    code: -32000,
    message: 'Accept must name application/json and text/event-stream for POST, text/event-stream for GET',
  },
  headerMalformed: {
    refusal: { name: 'headerMalformed', reason: 'host is sent twice' },
    status: 400,
    code: -32000,
    message: 'Bad request: host is sent twice',
  },
  bodyTooLarge: {
    refusal: { name: 'bodyTooLarge', bytesMax: 1048576 },
    status: 413,
    code: -32000,
    message: 'The body may have at most 1048576 bytes',
    headers: { connection: 'close' },
  },
  bodyIncomplete: {
    refusal: { name: 'bodyIncomplete' },
    status: 408,
    code: -32000,
    message: 'The body did not arrive completely',
    headers: { connection: 'close' },
  },
  jsonInvalid: {
    refusal: { name: 'jsonInvalid', reason: 'not valid JSON' },
    status: 400,
    code: -32700,
    message: 'Parse error: not valid JSON',
  },
  messageInvalid: {
    refusal: { name: 'messageInvalid', reason: '"params" must be an object', id: 7 },
    status: 400,
    code: -32600,
    message: 'Invalid request: "params" must be an object',
  },
  batchNotAllowed: {
    refusal: { name: 'batchNotAllowed' },
    status: 400,
    code: -32600,
    message: 'Invalid request: this revision has no batches',
  },
  revisionUnsupported: {
    refusal: { name: 'revisionUnsupported', requested: '2027-07-28', id: 'a' },
    status: 400,
    code: -32022,
    message: 'Unsupported protocol version',
    data: { supported: ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26'], requested: '2027-07-28' },
  },
  headerMismatch: {
    refusal: { name: 'headerMismatch', header: 'Mcp-Name', id: 7 },
    status: 400,
    code: -32020,
    message: 'Header mismatch: Mcp-Name must say what the body says',
  },
  metaInvalid: {
    refusal: { name: 'metaInvalid', reason: '_meta needs io.modelcontextprotocol/clientCapabilities', id: 7 },
    status: 400,
    code: -32602,
    message: 'Invalid params: _meta needs io.modelcontextprotocol/clientCapabilities',
  },
  methodUnknown: {
    refusal: { name: 'methodUnknown', method: 'tasks/get', id: 7 },
    status: 404,
    code: -32601,
    message: 'Method not found: tasks/get',
  },
  capabilityMissing: {
    refusal: { name: 'capabilityMissing', required: ['elicitation'], id: 7 },
    status: 400,
    code: -32021,
    message: 'The client needs to declare: elicitation',
    data: { requiredCapabilities: { elicitation: {} } },
  },
  requestStateRefused: {
    refusal: { name: 'requestStateRefused', reason: 'expired', id: 7 },
    status: 200,
    code: -32602,
    message: 'Invalid params: requestState is not valid for this request',
  },
  tokenMissing: {
    refusal: { name: 'tokenMissing' },
    status: 401,
    code: -32000,
    message: 'An access token is needed',
    headers: { 'www-authenticate': `Bearer ${REALM}, ${METADATA}, scope="files:read"` },
  },
  tokenInvalid: {
    refusal: { name: 'tokenInvalid', reason: 'grantRevoked' },
    status: 401,
    code: -32000,
    message: 'The access token is expired, revoked or not valid here',
    headers: {
      'www-authenticate': `Bearer ${REALM}, error="invalid_token", error_description="The access token is expired, revoked or not valid here", ${METADATA}, scope="files:read"`,
    },
  },
  senderUnproven: {
    refusal: { name: 'senderUnproven', reason: 'boundTokenAsBearer' },
    status: 401,
    code: -32000,
    message: 'The access token works only together with the key or certificate that it is bound to',
    headers: {
      'www-authenticate': `DPoP ${REALM}, error="invalid_token", error_description="The access token works only together with the key or certificate that it is bound to", ${METADATA}, scope="files:read", algs="ES256 EdDSA Ed25519"`,
    },
  },
  proofInvalid: {
    refusal: { name: 'proofInvalid', reason: 'proofReplayed' },
    status: 401,
    code: -32000,
    message: 'The DPoP proof is missing or not valid for this request',
    headers: {
      'www-authenticate': `DPoP ${REALM}, error="invalid_dpop_proof", error_description="The DPoP proof is missing or not valid for this request", ${METADATA}, scope="files:read", algs="ES256 EdDSA Ed25519"`,
    },
  },
  proofNonceNeeded: {
    refusal: { name: 'proofNonceNeeded', reason: 'proofNonceMissing', nonce: 'n0nce' },
    status: 401,
    code: -32000,
    message: 'The DPoP proof has to repeat the nonce of this answer',
    headers: {
      'www-authenticate': `DPoP ${REALM}, error="use_dpop_nonce", error_description="Make the DPoP proof again, with the nonce of this answer", ${METADATA}, scope="files:read", algs="ES256 EdDSA Ed25519"`,
      'dpop-nonce': 'n0nce',
    },
  },
  tokenInQuery: {
    refusal: { name: 'tokenInQuery' },
    status: 400,
    code: -32000,
    message: 'Send one access token, in the Authorization header',
    headers: {
      'www-authenticate': `Bearer ${REALM}, error="invalid_request", error_description="Send one access token, in the Authorization header", ${METADATA}`,
    },
  },
  authorizationMalformed: {
    refusal: { name: 'authorizationMalformed' },
    status: 400,
    code: -32000,
    message: 'Send one access token, in the Authorization header',
    headers: {
      'www-authenticate': `Bearer ${REALM}, error="invalid_request", error_description="Send one access token, in the Authorization header", ${METADATA}`,
    },
  },
  verifierUnavailable: {
    refusal: { name: 'verifierUnavailable', reason: 'revocationsStale' },
    status: 503,
    code: -32000,
    message: 'Access tokens cannot be checked at the moment; try again',
    headers: { 'retry-after': '1' },
  },
  sessionRequired: {
    refusal: { name: 'sessionRequired' },
    status: 400,
    code: -32000,
    message: 'Bad request: Mcp-Session-Id is missing; start with initialize',
  },
  sessionUnknown: {
    refusal: { name: 'sessionUnknown', reason: 'otherSubject' },
    status: 404,
    code: -32001,
    message: 'Session not found',
  },
  sessionsExhausted: {
    refusal: { name: 'sessionsExhausted' },
    status: 429,
    code: -32000,
    message: 'Too many sessions are open',
    headers: { 'retry-after': '5' },
  },
  scopeInsufficient: {
    refusal: { name: 'scopeInsufficient', scopes: ['files:read', 'files:write'], id: 3 },
    status: 403,
    code: -32000,
    message: 'More scopes are needed: files:read files:write',
    headers: {
      'www-authenticate': `Bearer ${REALM}, error="insufficient_scope", error_description="This call needs more scopes than the access token has", ${METADATA}, scope="files:read files:write"`,
    },
  },
  loginInsufficient: {
    refusal: {
      name: 'loginInsufficient',
      reason: 'tooLongAgo',
      demand: { multiFactor: true, maxAgeSeconds: 300 },
      scopes: ['files:read', 'files:destructive'],
      id: 3,
    },
    status: 401,
    code: -32000,
    message: 'A stronger or more recent login is needed for this',
    headers: {
      'www-authenticate': `Bearer ${REALM}, error="insufficient_user_authentication", error_description="This call needs a stronger or more recent login than the access token comes from", ${METADATA}, scope="files:read files:destructive", acr_values="urn:sallyport:acr:multi-factor", max_age="300"`,
    },
  },
  roleForbids: {
    refusal: { name: 'roleForbids', id: 3 },
    status: 403,
    code: -32000,
    message: 'Your role does not allow this',
  },
  methodUnmapped: {
    refusal: { name: 'methodUnmapped', method: 'tasks/get', id: 3 },
    status: 200,
    code: -32601,
    message: 'Method not found: tasks/get',
  },
  toolUnknown: {
    refusal: { name: 'toolUnknown', tool: 'wipe', id: 3 },
    status: 200,
    code: -32602,
    message: 'Unknown tool: wipe',
  },
  rateLimited: {
    refusal: { name: 'rateLimited', retryAfterSeconds: 2.2, id: 3 },
    status: 429,
    code: -32000,
    message: 'Too many requests',
    headers: { 'retry-after': '3' },
  },
  argumentsRefused: {
    refusal: { name: 'argumentsRefused', reason: '"path" is missing', id: 3 },
    status: 200,
    code: -32602,
    message: 'Invalid params: "path" is missing',
  },
  resultRefused: {
    refusal: { name: 'resultRefused', reason: 'holds a secret', id: 3 },
    status: 200,
    code: -32603,
    message: 'The server answered something that may not be passed on',
  },
  upstreamUnavailable: {
    refusal: { name: 'upstreamUnavailable', reason: 'connect refused by 10.0.0.7', id: 3 },
    status: 200,
    code: -32603,
    message: 'The server behind this gateway is not available',
  },
  upstreamTimeout: {
    refusal: { name: 'upstreamTimeout', id: 3 },
    status: 200,
    code: -32603,
    message: 'The server behind this gateway did not answer in time',
  },
  auditUnavailable: {
    refusal: { name: 'auditUnavailable' },
    status: 503,
    code: -32000,
    message: 'This cannot be recorded at the moment, so it was not done; try again',
    headers: { 'retry-after': '5' },
  },
  outcomeUnrecorded: {
    refusal: { name: 'outcomeUnrecorded' },
    status: 503,
    code: -32000,
    message: 'This was sent to the server, but its outcome cannot be recorded at the moment, so the answer is withheld',
  },
  shuttingDown: {
    refusal: { name: 'shuttingDown' },
    status: 503,
    code: -32000,
    message: 'The gateway is restarting; try again',
    headers: { connection: 'close', 'retry-after': '5' },
  },
}

describe('what a caller sees of each refusal', () => {
  it.each(Object.entries(PINS))('%s', (_name, pin) => {
    const answer = answerRefusal(pin.refusal, asRequestId('r-1'), testServer('files'), testSnapshot())
    expect(answer).toEqual({
      status: pin.status,
      headers: pin.headers ?? {},
      body: {
        jsonrpc: '2.0',
        id: 'id' in pin.refusal ? pin.refusal.id : null,
        error: { code: pin.code, message: pin.message, data: { ...pin.data, requestId: 'r-1' } },
      },
    })
  })

  it.each([
    ['methodUnmapped', 400],
    ['toolUnknown', 400],
    ['argumentsRefused', 400],
    ['resultRefused', 502],
    ['upstreamUnavailable', 502],
    ['upstreamTimeout', 504],
  ] as const)('%s of a notification is an HTTP %i', (name, status) => {
    const refusal: Refusal = { ...PINS[name].refusal, id: null } as Refusal
    const answer = answerRefusal(refusal, asRequestId('r-1'), testServer('files'), testSnapshot())
    expect([answer.status, answer.body['id']]).toEqual([status, null])
  })

  it('never tells the inward reason', () => {
    for (const { refusal } of [
      PINS.tokenInvalid,
      PINS.verifierUnavailable,
      PINS.sessionUnknown,
      PINS.resultRefused,
      PINS.upstreamUnavailable,
    ]) {
      const { headers, body } = answerRefusal(refusal, asRequestId('r-1'), testServer('files'), testSnapshot())
      expect('reason' in refusal && JSON.stringify([headers, body]).includes(refusal.reason)).toBe(false)
    }
  })

  it('repeats names that callers chose without control characters and at most 128 of them', () => {
    const tool = `a\r\n\u001b[31m${'x'.repeat(500)}`
    const { body } = answerRefusal({ name: 'toolUnknown', tool, id: 1 }, asRequestId('r-1'), null, testSnapshot())
    expect(body['error']).toMatchObject({ message: `Unknown tool: a???[31m${'x'.repeat(120)}…` })
  })
})
