import { ok, type Result, refused } from '#core/result.ts'
import type { ServerEntry, Snapshot } from '#core/snapshot.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { sendEmpty } from '#http/respond.ts'
import { isApiKeyPrincipal } from '#identity/api-keys.ts'
import type { Principal } from '#identity/principal.ts'
import type { JsonRpcMessage } from '#wire/jsonrpc/message.ts'
import { allowsBatches } from '#wire/mcp/revisions.ts'
import { admitHead } from './admission/admit-head.ts'
import { admitMessages, type Envelope } from './admission/admit-messages.ts'
import { type Authenticated, authenticate, stillStands } from './authentication/authenticate.ts'
import { authorize, type Permit, type ToolLookup } from './authorization/authorize.ts'
import { type Cleared, inspectArguments } from './inspection/inspect-arguments.ts'
import type { Onward } from './inspection/onward-message.ts'
import { carryModern } from './modern/carry-modern.ts'
import { type OtherSide, openOtherSide } from './modern/other-side.ts'
import { contextOf, describeEvent } from './record.ts'
import type { Refusal } from './refusal.ts'
import { respond } from './respond.ts'
import type { Road } from './road.ts'
import { carry } from './sessions/carry.ts'
import { initialize } from './sessions/initialize.ts'
import { bindingOf, type Session } from './sessions/session.ts'

/**
 * The road of one message: admission -> authentication -> admission of the body -> session -> authorization -> inspection -> upstream,
 * and back through inspection of the result. Every exit is recorded. There is no other way to an upstream.
 */
export async function travel(exchange: HttpExchange, road: Road): Promise<void> {
  const snapshot = road.snapshots.current()
  if (road.isClosing()) return await turnAwayStranger(exchange, { name: 'shuttingDown' }, null, snapshot, road)
  const head = admitHead(exchange, snapshot)
  if (!head.ok) return await turnAwayStranger(exchange, head.refusal, null, snapshot, road)
  const authenticated = await authenticate(head.value, road.verifier, road.senders)
  const { server } = head.value
  if (!authenticated.ok) return await turnAwayStranger(exchange, authenticated.refusal, server, snapshot, road)
  const caller = authenticated.value
  if (caller.nextNonce !== null) exchange.response.setHeader('dpop-nonce', caller.nextNonce)
  if (!(await recordFirstUse(caller, road))) return respond(exchange, { name: 'auditUnavailable' }, server, snapshot)
  const { protocolProblem } = head.value
  if (protocolProblem !== null) return await turnAway(exchange, protocolProblem, caller, road)

  if (head.value.method === 'POST') return await post(exchange, caller, road)
  const refusal = head.value.method === 'GET' ? listen(exchange, caller, road) : await end(exchange, caller, road)
  if (refusal !== null) await turnAway(exchange, refusal, caller, road)
}

function credentialOf(principal: Principal): Readonly<Record<string, string>> | undefined {
  // A key's client is its id; which of its secrets it was, old or new, is told by the token.
  if (isApiKeyPrincipal(principal)) return { credential: 'apiKey', tokenId: principal.tokenId }
  const from = principal.delegation?.exchanges ?? []
  // Who handed the token on, to whom: the client of the record acts for the last of these.
  if (from.length > 0) return { tokenId: principal.tokenId, actsFor: from.map(({ clientId }) => clientId).join(' ') }
  return undefined
}

/** False when the record could not be written. */
async function recordFirstUse(caller: Authenticated, road: Road): Promise<boolean> {
  const { principal } = caller
  const detail = credentialOf(principal)
  const accepted = describeEvent(contextOf(caller, null), { activity: 'authenticate', outcome: 'success', detail })
  const personal = { address: caller.head.clientAddress }
  try {
    await road.firstUses.note(principal, road.clock.nowSeconds(), () => road.audit.record({ ...accepted, personal }))
    return true
  } catch {
    return false
  }
}

async function post(exchange: HttpExchange, caller: Authenticated, road: Road): Promise<void> {
  const envelope = await admitMessages(caller.head, caller, exchange)
  if (!envelope.ok) return await turnAway(exchange, withRevisions(envelope.refusal, caller, road), caller, road)
  const refusal = await carryEnvelope(exchange, caller, envelope.value, road)
  if (refusal !== null) await turnAway(exchange, refusal, caller, road, refusedMessage(refusal, envelope.value))
}

/** Who asked for a revision that nobody speaks chooses from those of the server behind us, as far as they are known. */
function withRevisions(refusal: Refusal, { principal, head }: Authenticated, { counterparts }: Road): Refusal {
  return refusal.name === 'revisionUnsupported'
    ? { ...refusal, supported: counterparts.revisionsOf(principal, head.server) }
    : refusal
}

/** The message that a refusal is about: the only one, or the one whose id it has. */
function refusedMessage(refusal: Refusal, { messages }: Envelope): JsonRpcMessage | null {
  if (messages.length === 1) return messages[0] ?? null
  const id = 'id' in refusal ? refusal.id : null
  return messages.find((message) => id !== null && message.kind === 'request' && message.id === id) ?? null
}

async function carryEnvelope(
  exchange: HttpExchange,
  caller: Authenticated,
  envelope: Envelope,
  road: Road,
): Promise<Refusal | null> {
  const problem = await stillStands(caller, road.verifier)
  if (problem !== null) return problem
  if (envelope.era === 'modern') return await postModern(exchange, envelope, road)
  if (opensSession(envelope)) {
    const cleared = await clearAll(envelope, NO_SESSION, road)
    const [first] = cleared.ok ? cleared.value : []
    if (!cleared.ok) return cleared.refusal
    return first === undefined ? NOTHING_SENT : await initialize(exchange, first, road)
  }
  const { messages, isBatch } = envelope
  const session = findSession(caller, road)
  if (!session.ok) return session.refusal
  const again = messages.find((message) => message.kind === 'request' && message.method === 'initialize')
  if (again?.kind === 'request') {
    return { name: 'messageInvalid', reason: 'the session is initialized already', id: again.id }
  }
  // The header may be missing; what was negotiated is what counts.
  if (isBatch && !allowsBatches(session.value.revision)) return { name: 'batchNotAllowed' }
  const cleared = await clearAll(envelope, sessionSide(session.value, caller), road)
  if (!cleared.ok) return cleared.refusal
  return await carry({ exchange, cleared: cleared.value, isBatch, session: session.value }, road)
}

/** A request that stands alone: its caller's other side takes the place of the session, and every step is the same. */
async function postModern(exchange: HttpExchange, envelope: Envelope, road: Road): Promise<Refusal | null> {
  const side = openOtherSide(envelope.authenticated, road)
  if (!side.ok) return side.refusal
  const cleared = await clearAll(envelope, side.value, road)
  const [only] = cleared.ok ? cleared.value : []
  if (!cleared.ok) return cleared.refusal
  return only === undefined ? NOTHING_SENT : await carryModern(exchange, only, side.value, road)
}

/** What messages are judged against. */
type Side = Pick<OtherSide, 'tools' | 'credentialTexts'> & {
  prepare(permit: Permit): Promise<Result<Onward | null, Refusal>>
}

/** Authorization and inspection of every message, before any of them is sent. */
async function clearAll(envelope: Envelope, side: Side, road: Road): Promise<Result<readonly Cleared[], Refusal>> {
  const { authenticated, messages, era } = envelope
  const { snapshot } = authenticated.head
  const { tools, credentialTexts } = side
  const cleared: Cleared[] = []
  for (const message of messages) {
    const permit = await authorize(
      authenticated,
      message,
      tools,
      snapshot,
      road.memberships,
      era,
      road.clock.nowSeconds(),
    )
    if (!permit.ok) return permit
    const onward = await side.prepare(permit.value)
    if (!onward.ok) return onward
    const context = { bearer: authenticated.token, credentialTexts, onward: onward.value }
    const one = inspectArguments(permit.value, context)
    if (!one.ok) return one
    cleared.push(one.value)
  }
  return ok(cleared)
}

/** A GET stream for what the server says on its own, or for what a broken stream still owes. */
function listen(exchange: HttpExchange, caller: Authenticated, road: Road): Refusal | null {
  const session = findSession(caller, road)
  if (!session.ok) return session.refusal
  const { streams } = session.value
  const { lastEventId } = caller.head
  if (lastEventId === null) {
    streams.listen(exchange.response, caller.principal)
    return null
  }
  const resumed = streams.resume(exchange.response, lastEventId, caller.principal)
  return resumed.ok ? null : { name: 'headerMalformed', reason: 'Last-Event-ID names nothing that can be resumed' }
}

async function end(exchange: HttpExchange, caller: Authenticated, road: Road): Promise<Refusal | null> {
  const session = findSession(caller, road)
  if (!session.ok) return session.refusal
  await road.sessions.end(session.value, 'endedByClient')
  sendEmpty(exchange.response, 204)
  return null
}

/** The id names a session; that it is the caller's own is checked against the token, on every request. */
function findSession({ head, principal }: Authenticated, road: Road): Result<Session, Refusal> {
  if (head.sessionId === null) return refused({ name: 'sessionRequired' })
  const found = road.sessions.find(head.sessionId, bindingOf(principal, head.server))
  if (!found.ok) return refused({ name: 'sessionUnknown', reason: found.refusal })
  found.value.use(principal, road.clock.nowMs())
  return found
}

function sessionSide({ inventory, credentialTexts }: Session, { head }: Authenticated): Side {
  const tools: ToolLookup = { classOf: (tool) => inventory.classOf(tool, head.server) }
  return { ...NO_SESSION, tools, credentialTexts }
}

function opensSession({ authenticated, messages }: Envelope): boolean {
  const [first] = messages
  return authenticated.head.sessionId === null && first?.kind === 'request' && first.method === 'initialize'
}

/**
 * Refuses somebody known: one durable record, then the answer. A grant beyond its budget shares records like a stranger does: counted by
 * reason, without what was asked for.
 */
async function turnAway(
  exchange: HttpExchange,
  refusal: Refusal,
  caller: Authenticated,
  road: Road,
  message: JsonRpcMessage | null = null,
): Promise<void> {
  const { server, snapshot } = caller.head
  const tool = message?.kind === 'request' && message.method === 'tools/call' ? message.params?.['name'] : undefined
  const reason = reasonOf(refusal)
  const subject = { activity: 'request.refused', outcome: 'refused', reason } as const
  try {
    if (!road.refusalBudget.allows(caller.principal.grantId)) {
      const event = describeEvent(contextOf(caller, null), subject)
      await road.audit.refusedUnauthenticated(event, caller.head.clientAddress)
      respond(exchange, refusal, server, snapshot)
      return
    }
    await road.audit.record(
      describeEvent(contextOf(caller, null), {
        ...subject,
        scopesAsked: refusal.name === 'scopeInsufficient' ? refusal.scopes : undefined,
        method: message === null || message.kind === 'response' ? undefined : message.method,
        tool: typeof tool === 'string' ? tool : undefined,
        detail: { refusal: refusal.name },
      }),
    )
    respond(exchange, refusal, server, snapshot)
  } catch {
    respond(exchange, { name: 'auditUnavailable' }, server, snapshot)
  }
}

/** Refuses somebody nobody vouches for: equal refusals share a record, so that a flood cannot fill the disk. */
async function turnAwayStranger(
  exchange: HttpExchange,
  refusal: Refusal,
  server: ServerEntry | null,
  snapshot: Snapshot,
  road: Road,
): Promise<void> {
  const event = {
    tenant: snapshot.tenant,
    activity: server === null ? ('request.refused' as const) : ('authenticate' as const),
    outcome: 'refused' as const,
    reason: reasonOf(refusal),
    requestId: exchange.requestId,
    ...(server === null ? {} : { server: server.id }),
  }
  try {
    await road.audit.refusedUnauthenticated(event, exchange.clientAddress)
    respond(exchange, refusal, server, snapshot)
  } catch {
    respond(exchange, { name: 'auditUnavailable' }, server, snapshot)
  }
}

/** The inward reason: the finest name there is. Never the caller's own text. */
function reasonOf(refusal: Refusal): string {
  switch (refusal.name) {
    case 'tokenInvalid':
    case 'senderUnproven':
    case 'proofInvalid':
    case 'proofNonceNeeded':
    case 'verifierUnavailable':
    case 'sessionUnknown':
    case 'argumentsRefused':
    case 'resultRefused':
    case 'requestStateRefused':
    case 'upstreamUnavailable':
      return `${refusal.name}: ${refusal.reason}`
    default:
      return refusal.name
  }
}

const NOTHING_SENT: Refusal = { name: 'messageInvalid', reason: 'nothing was sent', id: null }
const NO_SESSION: Side = { tools: { classOf: async () => null }, credentialTexts: [], prepare: async () => ok(null) }
