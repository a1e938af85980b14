import { challengeOf, hasResult, headerOf, isSuccess, messagesOf, objectOf } from '../exchange/answer.ts'
import type { Answer } from '../exchange/ask.ts'
import type { Recorder } from '../exchange/recorder.ts'
import { ERAS, type Era, INITIALIZE, mcpAsk, NO_SUCH_TOOL } from './mcp-message.ts'

/** A metadata document: where it was looked for, and what came. */
export interface Document {
  readonly url: string
  readonly answer: Answer
  /** Null when it is not there or not a JSON object. */
  readonly value: Readonly<Record<string, unknown>> | null
}

export interface AuthorizationServer {
  /** As the resource names it (or its own origin, where nothing does). */
  readonly identifier: string
  /** Every place that was asked, in order. */
  readonly documents: readonly Document[]
  /** The document that counts. */
  readonly document: Document
}

/** What can be learned of a target without any credential. */
export interface Target {
  readonly url: string
  readonly isMcp: boolean
  /** Why nothing can be audited; null when something can. */
  readonly failure: string | null
  /** Whether what a token should be needed for is refused without one. */
  readonly demandsToken: boolean
  readonly unauthenticated: ReadonlyArray<{ readonly era: Era; readonly method: string; readonly answer: Answer }>
  /** The first refusal, from which clients learn where to go. */
  readonly refusal: Answer | null
  readonly challengedMetadataUrl: string | null
  readonly resourceDocuments: readonly Document[]
  readonly resource: Document | null
  readonly authorizationServer: AuthorizationServer | null
}

/** Looks at the target as a client does: asks, reads the challenge, and follows it to the metadata. */
export async function discover(recorder: Recorder, url: string): Promise<Target> {
  const unauthenticated: { era: Era; method: string; answer: Answer }[] = []
  for (const era of ERAS)
    for (const [method, params] of QUESTIONS[era]) {
      const answer = await recorder.ask(mcpAsk(url, era, { method, params }))
      unauthenticated.push({ era, method, answer })
      if (answer.failure !== null) break
    }
  const refused = unauthenticated.filter(({ answer }) => !isSuccess(answer) && answer.failure === null)
  const protectedOnes = unauthenticated.filter(({ method }) => method !== 'server/discover' && method !== 'initialize')
  const refusal =
    refused.find(({ answer }) => answer.status === 401 && challengeOf(answer, 'bearer') !== null)?.answer ??
    refused.find(({ answer }) => answer.status === 401)?.answer ??
    (unauthenticated.some(({ answer }) => hasResult(answer))
      ? undefined
      : refused.find(({ answer }) => messagesOf(answer).length === 0 || answer.status === 403)?.answer) ??
    null
  const challengedMetadataUrl =
    refusal === null ? null : (challengeOf(refusal, 'bearer')?.get('resource_metadata') ?? null)
  const resourceDocuments = await readResourceMetadata(recorder, url, challengedMetadataUrl)
  const resource = resourceDocuments.find(({ value }) => Array.isArray(value?.['authorization_servers'])) ?? null
  const authorizationServer = await findAuthorizationServer(recorder, url, resource)
  const demandsToken =
    refusal !== null && !protectedOnes.some(({ answer, era }) => hasResult(answer) && isOpenEra(unauthenticated, era))
  const isMcp =
    unauthenticated.some(({ answer }) => messagesOf(answer).some(({ jsonrpc }) => jsonrpc === '2.0')) ||
    (refusal !== null && (challengeOf(refusal, 'bearer') !== null || resource !== null))
  return {
    url,
    isMcp,
    failure: isMcp ? null : reasonOf(unauthenticated.map(({ answer }) => answer)),
    demandsToken,
    unauthenticated,
    refusal,
    challengedMetadataUrl,
    resourceDocuments,
    resource,
    authorizationServer,
  }
}

const QUESTIONS: Readonly<Record<Era, ReadonlyArray<readonly [string, Record<string, unknown>]>>> = {
  modern: [
    ['server/discover', {}],
    ['tools/list', {}],
    ['tools/call', { name: NO_SUCH_TOOL, arguments: {} }],
  ],
  legacy: [
    ['initialize', INITIALIZE],
    ['tools/list', {}],
    ['tools/call', { name: NO_SUCH_TOOL, arguments: {} }],
  ],
}

/** Open altogether: not one of the questions of an era was refused for want of a token. */
function isOpenEra(asked: Target['unauthenticated'], era: Era): boolean {
  return asked.filter((one) => one.era === era).every(({ answer }) => answer.status !== 401 && answer.status !== 403)
}

function reasonOf(answers: readonly Answer[]): string {
  const failure = answers.find((answer) => answer.failure !== null)?.failure
  if (failure !== undefined && failure !== null) return failure
  const [first] = answers
  return `what answers is not an MCP server: ${first?.status ?? 0} ${headerOf(first ?? EMPTY, 'content-type') ?? 'without a media type'}`
}

const EMPTY: Answer = { status: 0, headers: [], text: '', isCut: false, failure: null, durationMs: 0, tlsVersion: null }

/** Where RFC 9728 §3.1 and §5.1 have it: at the challenged address, with the path inserted, at the root. */
async function readResourceMetadata(recorder: Recorder, url: string, challenged: string | null): Promise<Document[]> {
  const { origin, pathname } = new URL(url)
  const path = pathname === '/' ? '' : pathname
  const places = [
    ...(challenged === null || URL.parse(challenged) === null ? [] : [challenged]),
    `${origin}/.well-known/oauth-protected-resource${path}`,
    `${origin}/.well-known/oauth-protected-resource`,
  ]
  return readAll(recorder, [...new Set(places)])
}

/** RFC 8414 §3.1 and OpenID Connect Discovery 1.0 §4, in the order that clients try. */
async function findAuthorizationServer(
  recorder: Recorder,
  url: string,
  resource: Document | null,
): Promise<AuthorizationServer | null> {
  const named = resource?.value?.['authorization_servers']
  const candidates = Array.isArray(named)
    ? named.filter((one): one is string => typeof one === 'string' && URL.canParse(one))
    : []
  // Before there was protected resource metadata (2025-03-26) the server's own origin was where to look.
  for (const identifier of candidates.length === 0 ? [new URL(url).origin] : candidates.slice(0, 3)) {
    const { origin, pathname } = new URL(identifier)
    const path = pathname.replace(/\/$/, '')
    const places = [
      `${origin}/.well-known/oauth-authorization-server${path}`,
      `${origin}/.well-known/openid-configuration${path}`,
      ...(path === '' ? [] : [`${origin}${path}/.well-known/openid-configuration`]),
    ]
    const documents = await readAll(recorder, places)
    const document = documents.find(({ value }) => typeof value?.['token_endpoint'] === 'string') ?? documents[0]
    if (document !== undefined && (document.value !== null || candidates.length > 0))
      return { identifier, documents, document }
  }
  return null
}

async function readAll(recorder: Recorder, places: readonly string[]): Promise<Document[]> {
  const documents: Document[] = []
  for (const place of places) {
    const answer = await recorder.ask({ method: 'GET', url: place, headers: [['accept', 'application/json']] })
    documents.push({ url: place, answer, value: answer.status === 200 ? objectOf(answer) : null })
  }
  return documents
}
