import type { IncomingMessage } from 'node:http'
import type { RequestId } from '#core/ids.ts'
import type { PresentedCertificate } from '#core/presented-certificate.ts'
import type { ServerEntry, Snapshot } from '#core/snapshot.ts'
import { PARAM_HEADER_PREFIX } from '#wire/mcp/mirrored-headers.ts'
import type { TokenCredential } from '#wire/oauth/credential.ts'
import type { Refusal } from '../refusal.ts'

/** What admission learned from the request line and headers. The body has not been touched. */
export interface RequestHead {
  readonly requestId: RequestId
  readonly clientAddress: string
  readonly method: 'POST' | 'GET' | 'DELETE'
  readonly server: ServerEntry
  /** The snapshot that judged the head and judges the rest of this request. */
  readonly snapshot: Snapshot
  /** What the Authorization header shows. */
  readonly credential: TokenCredential
  /** The DPoP header as sent; null if absent. */
  readonly proof: string | null
  readonly certificate: PresentedCertificate | null
  /** The address of the endpoint where the request arrived: what a DPoP proof must name. Made from the configuration alone. */
  readonly target: string
  /** Whether another header carries a credential beside the Authorization header. */
  readonly hasSecondCredential: boolean
  /** `Mcp-Session-Id`, syntax checked only. */
  readonly sessionId: string | null
  /** `MCP-Protocol-Version` as sent, whatever it says. */
  readonly revisionHeader: string | null
  /** What the headers repeat of the body (2026-07-28). Nothing decides by them; they are compared with the body. */
  readonly mirror: MirrorHeaders
  /** `Last-Event-ID` of a GET that resumes a stream. */
  readonly lastEventId: string | null
  /** What is wrong with media types, session id or revision: told after authentication. */
  readonly protocolProblem: Refusal | null
}

export interface MirrorHeaders {
  /** `Mcp-Method` as sent. */
  readonly method: string | null
  /** `Mcp-Name` as sent, so perhaps encoded. */
  readonly name: string | null
  /** `Mcp-Param-{key}`, key in lower case, as sent. */
  readonly params: ReadonlyMap<string, string>
}

/** Headers that mean one thing only: two of them, and two readers may each believe another. */
const SINGLE_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'dpop',
  'content-type',
  'content-length',
  'transfer-encoding',
  'content-encoding',
  'host',
  'origin',
  'mcp-session-id',
  'mcp-protocol-version',
  'mcp-method',
  'mcp-name',
  'last-event-id',
])

/** The name of a header that came twice, or null. Node joins or drops repeats in `headers`, so only the raw list tells. */
export function repeatedHeader(request: IncomingMessage): string | null {
  const seen = new Set<string>()
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index]?.toLowerCase() ?? ''
    if (!SINGLE_HEADERS.has(name) && !name.startsWith(PARAM_HEADER_PREFIX)) continue
    if (seen.has(name)) return name
    seen.add(name)
  }
  return null
}

/** The one value of a header that has been checked not to repeat; null if absent. */
export function singleHeader(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name]
  return typeof value === 'string' ? value : null
}

/** Repeats have been refused before, so each name is there once. */
export function mirrorHeaders(request: IncomingMessage): MirrorHeaders {
  const params = new Map<string, string>()
  for (const name in request.headers) {
    if (!name.startsWith(PARAM_HEADER_PREFIX)) continue
    const value = request.headers[name]
    if (typeof value === 'string') params.set(name.slice(PARAM_HEADER_PREFIX.length), value)
  }
  return { method: singleHeader(request, 'mcp-method'), name: singleHeader(request, 'mcp-name'), params }
}
