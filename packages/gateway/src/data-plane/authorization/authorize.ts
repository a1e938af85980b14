import { ok, type Result, refused } from '#core/result.ts'
import type { Snapshot } from '#core/snapshot.ts'
import type { ToolClass } from '#core/tool-classes.ts'
import type { Memberships } from '#identity/live-ports.ts'
import { allowsAnything, decide } from '#policy/decide.ts'
import { demandOfCall, judgeLogin } from '#policy/login-demands.ts'
import type { JsonRpcMessage, JsonRpcNotification, JsonRpcRequest, MessageId } from '#wire/jsonrpc/message.ts'
import { memberOf } from '#wire/jsonrpc/raw-json.ts'
import { findMethod } from '#wire/mcp/methods.ts'
import { isModernMethod } from '#wire/mcp/modern-methods.ts'
import { LATEST_LEGACY_REVISION } from '#wire/mcp/revisions.ts'
import type { MessageEra } from '../admission/admit-messages.ts'
import { type Authenticated, isAuthenticated } from '../authentication/authenticate.ts'
import type { Refusal } from '../refusal.ts'
import { refusalOfLoss, UpstreamUnready } from '../upstream/loss.ts'
import { needOf } from './method-classes.ts'

/** What is known of a server's tools. Null: the server has no such tool, even after it was asked once. */
export interface ToolLookup {
  classOf(tool: string): Promise<ToolClass | null>
}

/** What a later step must do because of the decision. None exist yet. */
export type Obligation = never

/** Leave for one message of one caller to go on. Only `authorize` makes one, and the upstream takes nothing else. */
class MessagePermit {
  readonly #made = true
  readonly authenticated: Authenticated
  readonly message: JsonRpcMessage
  readonly era: MessageEra
  /** The caller's roles when this was decided. */
  readonly roles: readonly string[]
  /** The class that was needed; null where any caller may. */
  readonly toolClass: ToolClass | null
  /** Of `tools/call`. */
  readonly tool: string | null
  readonly obligations: readonly Obligation[]
  /** Versions of what decided, for the audit record. */
  readonly decision: { readonly config: string; readonly membership: number }

  constructor(contents: Omit<MessagePermit, 'obligations'>) {
    this.authenticated = contents.authenticated
    this.message = contents.message
    this.era = contents.era
    this.roles = contents.roles
    this.toolClass = contents.toolClass
    this.tool = contents.tool
    this.obligations = []
    this.decision = contents.decision
    Object.freeze(this)
  }

  static isMade(value: unknown): boolean {
    return typeof value === 'object' && value !== null && #made in value
  }
}
// Otherwise `permit.constructor` would be a way to make another.
Reflect.deleteProperty(MessagePermit.prototype, 'constructor')

export type Permit = MessagePermit

/** False for anything that did not come out of `authorize`, whatever its shape. */
export function isPermit(value: unknown): value is Permit {
  return MessagePermit.isMade(value)
}

/**
 * Decides on one message: the method is mapped, the account is alive, its roles allow the class and the token's scopes cover it.
 * Asks for the tool's class at most once; nothing reaches the upstream on behalf of a caller whom this refuses.
 */
export async function authorize(
  authenticated: Authenticated,
  message: JsonRpcMessage,
  tools: ToolLookup,
  snapshot: Snapshot,
  memberships: Memberships,
  era: MessageEra,
  nowSeconds: number,
): Promise<Result<Permit, Refusal>> {
  // A bug of ours, not of the caller: the type forbids it.
  if (!isAuthenticated(authenticated)) throw new Error('the request is not authenticated')
  const { principal, head } = authenticated
  const membership = await rolesOf(memberships, authenticated)
  if (!membership.ok) return membership
  const { roles, version } = membership.value
  const decision = { config: snapshot.version, membership: version }
  const permit = (toolClass: ToolClass | null, tool: string | null) =>
    ok(new MessagePermit({ authenticated, message, era, roles, toolClass, tool, decision }))

  const id = message.kind === 'request' ? message.id : null
  // Roles that allow nothing here open no session either: no process, no instructions, no log messages of the server.
  if (!allowsAnything(snapshot, roles, head.server)) return refused({ name: 'roleForbids', id })
  // An answer to a request of the server's. The return road checks that it was asked for.
  if (message.kind === 'response') return permit(null, null)
  const need = isKnown(message, era) ? needOf(message.method) : null
  if (need === null) return refused(unknownMethod(message.method, era, id))
  if (need === 'anyCaller') return permit(null, null)
  const named = need === 'byTool' ? await classifyCall(message, tools, id) : ok({ toolClass: need, tool: null })
  if (!named.ok) return named
  const { toolClass, tool } = named.value
  const decided = decide({ server: head.server, roles, scopes: principal.scopes, toolClass, tool }, snapshot)
  switch (decided.kind) {
    case 'permit': {
      const demand = demandOfCall({ toolClass, tool }, head.server, snapshot)
      // A service is a program: nobody logs in for it, and the configuration says what it may do.
      const login = principal.kind === 'service' ? 'enough' : judgeLogin(principal, demand, nowSeconds)
      if (login === 'enough') return permit(toolClass, tool)
      return refused({
        name: 'loginInsufficient',
        reason: login,
        demand,
        scopes: principal.scopes,
        scheme: authenticated.scheme,
        id,
      })
    }
    case 'scopesMissing':
      return refused({ name: 'scopeInsufficient', scopes: decided.scopes, scheme: authenticated.scheme, id })
    case 'roleForbids':
      return refused({ name: 'roleForbids', id })
  }
}

function isKnown(message: JsonRpcRequest | JsonRpcNotification, era: MessageEra): boolean {
  return era === 'modern'
    ? isModernMethod(message.method, message.kind)
    : findMethod(message.method, message.kind, 'client', LATEST_LEGACY_REVISION) !== null
}

function unknownMethod(method: string, era: MessageEra, id: MessageId | null): Refusal {
  return era === 'modern' && id !== null
    ? { name: 'methodUnknown', method, id }
    : { name: 'methodUnmapped', method, id }
}

type Roles = { readonly roles: readonly string[]; readonly version: number }

async function rolesOf(memberships: Memberships, { principal }: Authenticated): Promise<Result<Roles, Refusal>> {
  try {
    const membership = await memberships.rolesOf(principal.tenant, principal.subject)
    // The account is gone or disabled, and its tokens with it.
    return membership === null ? refused({ name: 'tokenInvalid', reason: 'accountNotActive' }) : ok(membership)
  } catch {
    return refused({ name: 'verifierUnavailable', reason: 'membershipUnavailable' })
  }
}

async function classifyCall(
  message: Pick<JsonRpcRequest, 'params'>,
  tools: ToolLookup,
  id: MessageId | null,
): Promise<Result<{ readonly toolClass: ToolClass; readonly tool: string }, Refusal>> {
  const tool = message.params === null ? undefined : memberOf(message.params, 'name')
  if (typeof tool !== 'string' || tool === '') {
    return refused({ name: 'argumentsRefused', reason: '"name" must be the name of a tool', id })
  }
  // 2025-11-25, schema CallToolRequest: an object if there at all. Null is what some clients say for nothing.
  const given = message.params === null ? undefined : memberOf(message.params, 'arguments')
  if (given !== undefined && given !== null && (typeof given !== 'object' || Array.isArray(given))) {
    return refused({ name: 'argumentsRefused', reason: '"arguments" must be an object', id })
  }
  let toolClass: ToolClass | null
  try {
    toolClass = await tools.classOf(tool)
  } catch (cause) {
    return refused(refusalOfLoss(cause instanceof UpstreamUnready ? cause.reason : 'toolListUnavailable', id))
  }
  return toolClass === null ? refused({ name: 'toolUnknown', tool, id }) : ok({ toolClass, tool })
}
