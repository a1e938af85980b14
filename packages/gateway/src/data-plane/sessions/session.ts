import { createHash } from 'node:crypto'
import type { ClientId, ServerId, SubjectId, TenantId } from '#core/ids.ts'
import type { ServerEntry } from '#core/snapshot.ts'
import type { Principal } from '#identity/principal.ts'
import type { JsonObject } from '#wire/jsonrpc/message.ts'
import type { LegacyRevision } from '#wire/mcp/revisions.ts'
import type { ToolInventory } from '../inspection/tool-inventory.ts'
import type { Link } from '../upstream/link.ts'
import type { CallContext, ReturnRoad } from './return-road.ts'
import type { SessionStreams } from './streams/session-streams.ts'

/** Whose session it is. A session id is an address, never an authentication: all four must match on every request. */
export interface SessionBinding {
  readonly tenant: TenantId
  readonly subject: SubjectId
  readonly clientId: ClientId
  readonly server: ServerId
}

export interface SessionParts {
  /** 256 random bits, base64url: visible ASCII as the transport asks. */
  readonly id: string
  readonly binding: SessionBinding
  readonly server: ServerEntry
  readonly principal: Principal
  /** What the client and we agreed on at `initialize`. */
  readonly revision: LegacyRevision
  readonly capabilities: JsonObject
  readonly streams: SessionStreams
  readonly link: Link<CallContext>
  readonly returnRoad: ReturnRoad
  readonly inventory: ToolInventory
  readonly credentialTexts: readonly string[]
  readonly nowMs: number
}

/** One client's conversation with one server through us. */
export class Session {
  readonly id: string
  /** Joins audit records of one session without being its id. */
  readonly recordId: string
  readonly binding: SessionBinding
  /** The entry the session was opened with; a changed upstream ends the session. */
  readonly server: ServerEntry
  readonly revision: LegacyRevision
  readonly capabilities: JsonObject
  readonly streams: SessionStreams
  readonly link: Link<CallContext>
  readonly returnRoad: ReturnRoad
  readonly inventory: ToolInventory
  readonly credentialTexts: readonly string[]
  #principal: Principal
  #usedAtMs: number
  #isEnded = false

  constructor(parts: SessionParts) {
    this.id = parts.id
    this.recordId = createHash('sha256').update(parts.id).digest('hex').slice(0, 32)
    this.binding = parts.binding
    this.server = parts.server
    this.revision = parts.revision
    this.capabilities = parts.capabilities
    this.streams = parts.streams
    this.link = parts.link
    this.returnRoad = parts.returnRoad
    this.inventory = parts.inventory
    this.credentialTexts = parts.credentialTexts
    this.#principal = parts.principal
    this.#usedAtMs = parts.nowMs
  }

  /** The principal of the latest request; earlier ones may hold older tokens of the same client. */
  get principal(): Principal {
    return this.#principal
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Nothing under way and nobody listening. */
  get isIdle(): boolean {
    return this.link.callsInFlight === 0 && this.streams.openCount === 0
  }

  get usedAtMs(): number {
    return this.#usedAtMs
  }

  use(principal: Principal, nowMs: number): void {
    this.#principal = principal
    this.#usedAtMs = nowMs
  }

  touch(nowMs: number): void {
    this.#usedAtMs = nowMs
  }

  /** Calls under way are lost, streams and the upstream's side end. Idempotent. */
  async end(reason: string): Promise<void> {
    if (this.#isEnded) return
    this.#isEnded = true
    this.returnRoad.dropQuestions(reason)
    const closed = this.link.close()
    this.streams.end()
    await closed
  }
}

export function bindingOf(principal: Principal, server: ServerEntry): SessionBinding {
  return { tenant: principal.tenant, subject: principal.subject, clientId: principal.clientId, server: server.id }
}

export function bindingsAgree(a: SessionBinding, b: SessionBinding): boolean {
  return a.tenant === b.tenant && a.subject === b.subject && a.clientId === b.clientId && a.server === b.server
}
