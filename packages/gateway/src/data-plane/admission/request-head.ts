import type { IncomingMessage } from 'node:http'
import type { RequestId } from '#core/ids.ts'
import type { Secret } from '#core/secret.ts'
import type { ServerEntry, Snapshot } from '#core/snapshot.ts'
import type { Refusal } from '../refusal.ts'

/** What admission learned from the request line and headers. The body has not been touched. */
export interface RequestHead {
  readonly requestId: RequestId
  readonly clientAddress: string
  readonly method: 'POST' | 'GET' | 'DELETE'
  readonly server: ServerEntry
  /** The snapshot that judged the head and judges the rest of this request. */
  readonly snapshot: Snapshot
  /** The Authorization header as sent; null if there was none. */
  readonly authorization: Secret | null
  /** Whether another header also carries a credential. */
  readonly hasOtherCredential: boolean
  /** `Mcp-Session-Id`, syntax checked only. */
  readonly sessionId: string | null
  /** `MCP-Protocol-Version` as sent: a date, not always one that we speak. */
  readonly revisionHeader: string | null
  /** `Last-Event-ID` of a GET that resumes a stream. */
  readonly lastEventId: string | null
  /** What is wrong with media types, session id or revision: told after authentication. */
  readonly protocolProblem: Refusal | null
}

/** Headers that mean one thing only: two of them, and two readers may each believe another. */
const SINGLE_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
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
    if (!SINGLE_HEADERS.has(name)) continue
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
