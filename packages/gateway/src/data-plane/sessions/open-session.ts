import type { AuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import type { RequestId } from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import { type Random, randomToken, uuidv7 } from '#core/random.ts'
import { ok, type Result } from '#core/result.ts'
import type { ServerEntry, Snapshot } from '#core/snapshot.ts'
import type { Principal } from '#identity/principal.ts'
import type { JsonObject } from '#wire/jsonrpc/message.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import { ToolInventory } from '../inspection/tool-inventory.ts'
import type { DataPlaneLimits } from '../limits.ts'
import { describeEvent } from '../record.ts'
import { boundedLog } from '../upstream/bounded-log.ts'
import type { Connector } from '../upstream/connect.ts'
import type { UpstreamFailure } from '../upstream/connection.ts'
import { credentialTexts } from '../upstream/credential.ts'
import { Link } from '../upstream/link.ts'
import {
  clientCapabilitiesCarried,
  negotiateFront,
  revisionPrimesStreams,
  serverCapabilitiesCarried,
} from './capabilities.ts'
import { type CallContext, type QuestionRecords, ReturnRoad } from './return-road.ts'
import { bindingOf, Session } from './session.ts'
import { SessionStreams } from './streams/session-streams.ts'

export interface OpenSessionDeps {
  readonly connector: Connector
  readonly audit: AuditTrail
  readonly limits: DataPlaneLimits
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export interface OpenSessionRequest {
  /** The client's `initialize` params, cleared by inspection. */
  readonly params: JsonObject
  readonly principal: Principal
  readonly server: ServerEntry
  readonly snapshot: Snapshot
  readonly requestId: RequestId
}

export interface OpenedSession {
  readonly session: Session
  /** What `initialize` answers to the client. */
  readonly result: JsonObject
}

/** Shakes hands with the upstream in the client's stead, each hop with its own revision and with the capabilities that we carry. */
export async function openSession(
  request: OpenSessionRequest,
  deps: OpenSessionDeps,
): Promise<Result<OpenedSession, UpstreamFailure>> {
  const { params, principal, server } = request
  const { limits, clock } = deps
  const log = boundedLog(deps.log, limits.logLinesPerMinuteMax, clock, { server: server.id })
  const id = randomToken(deps.random)
  const binding = bindingOf(principal, server)
  const revision = negotiateFront(params['protocolVersion'])
  const capabilities = clientCapabilitiesCarried(params['capabilities'], revision)
  const texts = credentialTexts(server.upstream)
  const streams = new SessionStreams({
    limits,
    primes: revisionPrimesStreams(revision),
    nowMs: () => clock.nowMs(),
    onPressure: (isPressed) => link.pause(isPressed),
  })
  const returnRoad = new ReturnRoad({
    capabilities,
    streams,
    limits,
    credentialTexts: texts,
    records: questionRecords(request, deps, () => session?.recordId ?? null),
    log,
    monotonicMs: () => clock.monotonicMs(),
    onToolsChanged: () => inventory.clear(),
  })
  const link = new Link<CallContext>({
    open: deps.connector.connectTo(server, binding),
    limits,
    callTimeoutMs: server.limits.callTimeoutSeconds * 1000,
    clock,
    log,
    onMessage: (message, related) => returnRoad.receive(message, related),
    onStream: (news, { reply }) => reply.follow(news),
    onBroken: (reason) => {
      inventory.clear()
      returnRoad.dropQuestions(reason)
    },
  })
  returnRoad.join(link)
  const inventory = new ToolInventory(async (cursor) => {
    const end = await link.ask('tools/list', cursor === null ? {} : { cursor })
    // Not answered is not the same as having no tools; whoever asked is told that the upstream is not available.
    if (end.kind !== 'answered') throw new Error('the upstream did not list its tools')
    const { result } = end.object
    return isJsonObject(result) ? result : null
  }, limits)
  let session: Session | null = null
  const shaken = await link.initialize({ ...params, protocolVersion: revision, capabilities })
  if (!shaken.ok) {
    await link.close()
    return shaken
  }
  session = new Session({
    id,
    binding,
    server,
    principal,
    revision,
    capabilities,
    streams,
    link,
    returnRoad,
    inventory,
    credentialTexts: texts,
    nowMs: clock.nowMs(),
  })
  const result = {
    ...shaken.value,
    protocolVersion: revision,
    capabilities: serverCapabilitiesCarried(shaken.value['capabilities']),
  }
  return ok({ session, result })
}

/** A server's question to the client is a call in the other direction: intent before it is shown, one outcome after. */
function questionRecords(
  request: OpenSessionRequest,
  deps: OpenSessionDeps,
  session: () => string | null,
): QuestionRecords {
  const { principal, snapshot, server } = request
  const context = () => ({ snapshot, requestId: null, principal, server: server.id, session: session() })
  const detail = { direction: 'toClient' }
  return {
    newCallId: () => uuidv7(deps.random, deps.clock.nowMs()),
    asked: (method, callId) =>
      deps.audit.record(
        describeEvent(context(), { activity: 'call.intent', outcome: 'unknown', callId, method, detail }),
      ),
    ended: (method, callId, outcome, reason) =>
      deps.audit.record(
        describeEvent(context(), { activity: 'call.outcome', outcome, reason, callId, method, detail }),
      ),
  }
}
