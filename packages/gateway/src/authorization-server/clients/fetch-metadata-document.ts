import { ok, type Result, refused } from '#core/result.ts'
import type { fetchDocument } from '#net/fetch-document.ts'
import type { OutboundReason } from '#net/outbound-failure.ts'
import { parseJson } from '#wire/jsonrpc/parse-strict.ts'
import { acceptMetadata } from './accept-metadata.ts'
import type { MetadataDocumentUrl } from './metadata-document-url.ts'
import type { ClientMetadataWire } from './registry.ts'

/** draft-ietf-oauth-client-id-metadata-document §8.6. */
export const DOCUMENT_BYTES_MAX = 5 * 1024
const DOCUMENT_DEPTH_MAX = 16
const DOCUMENT_TIMEOUT_MS = 5_000

/** Own bounds around what the document's cache headers ask for (§5.2). */
const FRESH_SECONDS_MIN = 60
const FRESH_SECONDS_MAX = 24 * 3600
const FRESH_SECONDS_DEFAULT = 3600

export interface MetadataDocument {
  readonly metadata: ClientMetadataWire
  /** How long it may be used without asking again. */
  readonly freshSeconds: number
}

export interface DocumentProblem {
  /** Safe to show: quotes nothing of the document and tells nothing about where it was looked for. */
  readonly problem: string
  /** For the audit log. */
  readonly reason: string
  /** The host could not answer just now, as opposed to answering something wrong. */
  readonly isPassing: boolean
}

/** Fetches and judges one document (§4, §5). Nothing but a 200 with valid JSON that names its own URL counts. */
export async function fetchMetadataDocument(
  target: MetadataDocumentUrl,
  publicUrl: string,
  fetch: typeof fetchDocument,
): Promise<Result<MetadataDocument, DocumentProblem>> {
  const fetched = await fetch(target.url, {
    accept: 'application/json',
    bytesMax: DOCUMENT_BYTES_MAX,
    timeoutMs: DOCUMENT_TIMEOUT_MS,
    network: target.network,
  })
  if (!fetched.ok) return refused(fetchProblem(fetched.refusal.reason))
  const { status, headers, body } = fetched.value
  if (status !== 200) {
    const problem = 'The client metadata document could not be fetched: its server did not answer with 200.'
    return refused({ problem, reason: `status${status}`, isPassing: status >= 500 || status === 429 })
  }
  const metadata = judgeDocument(target.url, headers['content-type'], body, publicUrl)
  if (!metadata.ok) return metadata
  return ok({ metadata: metadata.value, freshSeconds: freshSeconds(headers) })
}

/** What the document says, or why it cannot be a client. Pure. */
export function judgeDocument(
  url: string,
  contentType: string | undefined,
  body: Uint8Array,
  publicUrl: string,
): Result<ClientMetadataWire, DocumentProblem> {
  const no = (reason: string, problem: string) => refused({ problem, reason, isPassing: false })
  if (!/^application\/(?:[a-z0-9!#$&^_.+-]+\+)?json\s*(?:;|$)/i.test(contentType ?? ''))
    return no('contentType', 'The client metadata document is not served as application/json.')
  const document = parseObject(body)
  if (document === null) return no('notJson', 'The client metadata document is not a JSON object.')
  // §4: simple string comparison, so that nobody's document can speak for another URL.
  if (document['client_id'] !== url)
    return no('clientIdMismatch', 'The client metadata document names another client_id than its own URL.')
  if (typeof document['client_name'] !== 'string' || document['client_name'].trim() === '')
    return no('nameMissing', 'The client metadata document has no client_name.')
  // §4.1: everybody can read it, so nothing in it is secret.
  if ('client_secret' in document || 'client_secret_expires_at' in document)
    return no('sharedSecret', 'A client metadata document holds no client secret.')
  const accepted = acceptMetadata(document, {
    publicUrl,
    authMethods: ['none', 'private_key_jwt'],
    defaultAuthMethod: 'none',
    mayAssert: true,
  })
  if (!accepted.ok)
    return no('metadataInvalid', `The client metadata document is not valid: ${accepted.refusal.problem}`)
  return ok(accepted.value.metadata)
}

/** RFC 9111 §4.2, as a shared cache and within own bounds. `no-store` and `no-cache` get the minimum: it spares their server a storm. */
export function freshSeconds(headers: Readonly<Record<string, string>>): number {
  const asked = askedSeconds(headers)
  return Math.min(FRESH_SECONDS_MAX, Math.max(FRESH_SECONDS_MIN, asked))
}

function askedSeconds(headers: Readonly<Record<string, string>>): number {
  const control = headers['cache-control']?.toLowerCase() ?? ''
  if (/(?:^|,)\s*(?:no-store|no-cache|private)\s*(?:[,=]|$)/.test(control)) return 0
  const [, shared] = /(?:^|,)\s*s-maxage\s*=\s*"?([0-9]{1,10})"?\s*(?:,|$)/.exec(control) ?? []
  const [, own] = /(?:^|,)\s*max-age\s*=\s*"?([0-9]{1,10})"?\s*(?:,|$)/.exec(control) ?? []
  const age = /^[0-9]{1,10}$/.test(headers['age'] ?? '') ? Number(headers['age']) : 0
  const stated = shared ?? own
  if (stated !== undefined) return Number(stated) - age
  const expires = headers['expires']
  if (expires === undefined) return FRESH_SECONDS_DEFAULT
  // Measured on their clock alone, so that ours may differ. An unreadable Expires means already expired (RFC 9111 §5.3).
  const lifetime = (Date.parse(expires) - Date.parse(headers['date'] ?? '')) / 1000
  return Number.isFinite(lifetime) ? Math.floor(lifetime) - age : 0
}

function parseObject(body: Uint8Array): Readonly<Record<string, unknown>> | null {
  const parsed = parseJson(body, { depthMax: DOCUMENT_DEPTH_MAX, numbers: 'request' })
  if (!parsed.ok || typeof parsed.value !== 'object' || Array.isArray(parsed.value)) return null
  return { ...parsed.value }
}

/** An address that is not allowed and a host that does not answer read the same: else the page would be a port scanner. */
function fetchProblem(reason: OutboundReason): DocumentProblem {
  const passing: readonly OutboundReason[] = ['unreachable', 'timedOut', 'nameNotResolved', 'reset', 'busy']
  return { problem: FETCH_PROBLEMS[reason] ?? NOT_FETCHED, reason, isPassing: passing.includes(reason) }
}

const NOT_FETCHED = 'The client metadata document could not be fetched.'
const FETCH_PROBLEMS: Partial<Record<OutboundReason, string>> = {
  redirect: 'The client metadata document is behind a redirect, which is not followed.',
  tooLarge: `The client metadata document is larger than ${DOCUMENT_BYTES_MAX} bytes.`,
  compressed: 'The client metadata document came compressed although that was not asked for.',
}
