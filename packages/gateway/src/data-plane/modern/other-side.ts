import { ok, type Result, refused } from '#core/result.ts'
import { memberOf } from '#wire/jsonrpc/raw-json.ts'
import type { MirroredParam } from '#wire/mcp/mirrored-headers.ts'
import type { Authenticated } from '../authentication/authenticate.ts'
import type { Permit, ToolLookup } from '../authorization/authorize.ts'
import type { Onward } from '../inspection/onward-message.ts'
import type { ToolInventory } from '../inspection/tool-inventory.ts'
import type { Refusal } from '../refusal.ts'
import type { Road } from '../road.ts'
import { refusalOfLoss, UpstreamUnready } from '../upstream/loss.ts'
import { differingParam } from './compare-params.ts'
import type { Counterpart } from './counterpart.ts'
import { openRound, type Round } from './round.ts'

/** W3C Trace Context §3.2.2.4. */
const SPAN_ID_BYTES = 8

/** What one modern request needs where a legacy one has its session. */
export interface OtherSide {
  readonly counterpart: Counterpart
  readonly tools: ToolLookup
  readonly credentialTexts: readonly string[]
  /** After authorization: what is left to check against the tool and the rounds before, and what the next hop is told instead. */
  prepare(permit: Permit): Promise<Result<Onward, Refusal>>
  /** What `prepare` found; null before. */
  prepared(): Prepared | null
}

export interface Prepared {
  readonly round: Round
  readonly inventory: ToolInventory
  /** What the called tool wants repeated in headers, as it was compared; nothing else is repeated to the next hop. */
  readonly mirrored: readonly MirroredParam[]
}

/** Asks the upstream nothing until somebody's tool has to be looked up. */
export function openOtherSide(authenticated: Authenticated, road: Road): Result<OtherSide, Refusal> {
  const { principal, head } = authenticated
  const found = road.counterparts.of(principal, head.server)
  if (!found.ok) return found
  const counterpart = found.value
  const inventoryNow = async (): Promise<ToolInventory> => {
    const membership = await road.memberships.rolesOf(principal.tenant, principal.subject)
    return counterpart.tools(membership?.version ?? -1, head.snapshot.version)
  }
  let prepared: Prepared | null = null
  return ok({
    counterpart,
    tools: {
      classOf: async (tool) => {
        const inventory = await inventoryNow()
        const toolClass = await inventory.classOf(tool, head.server)
        // A tool whose definition breaks the rules is not listed, so it is not there to be called either.
        return toolClass === null || inventory.mirroredOf(tool) === null ? null : toolClass
      },
    },
    credentialTexts: counterpart.credentialTexts,
    prepare: async (permit) => {
      const spanId = Buffer.from(road.random.bytes(SPAN_ID_BYTES)).toString('hex')
      if (permit.message.kind !== 'request') return ok({ spanId, requestState: undefined })
      try {
        const inventory = await inventoryNow()
        const mirrored = await compareParams(permit, inventory)
        if (!mirrored.ok) return mirrored
        const round = openRound(authenticated, permit.message, road)
        if (!round.ok) return round
        prepared = { round: round.value, inventory, mirrored: mirrored.value }
        return ok({ spanId, requestState: round.value.upstreamState })
      } catch (cause) {
        const reason = cause instanceof UpstreamUnready ? cause.reason : 'toolListUnavailable'
        return refused(refusalOfLoss(reason, permit.message.id))
      }
    },
    prepared: () => prepared,
  })
}

/**
 * What the tool wants repeated, where the headers say it. The definition by which they are judged may have changed since it was listed, so
 * it is looked at again before refusing; and it may be forgotten since the tool's class was looked up, so unknown never counts as none.
 */
async function compareParams(
  { tool, message, authenticated }: Permit,
  inventory: ToolInventory,
): Promise<Result<readonly MirroredParam[], Refusal>> {
  if (tool === null || message.kind !== 'request' || message.params === null) return ok([])
  const { id } = message
  const { server, mirror } = authenticated.head
  const args = memberOf(message.params, 'arguments')
  if (inventory.mirroredOf(tool) === null) await inventory.classOf(tool, server)
  const known = inventory.mirroredOf(tool)
  if (known !== null && differingParam(args, known, mirror.params) === null) return ok(known)
  await inventory.refresh()
  const now = inventory.mirroredOf(tool)
  if (now === null) return refused({ name: 'toolUnknown', tool, id })
  const header = differingParam(args, now, mirror.params)
  return header === null ? ok(now) : refused({ name: 'headerMismatch', header, id })
}
