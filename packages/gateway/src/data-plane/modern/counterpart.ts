import type { Log } from '#core/log.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { ServerEntry } from '#core/snapshot.ts'
import type { Principal } from '#identity/principal.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import { ToolInventory } from '../inspection/tool-inventory.ts'
import type { SessionBinding } from '../sessions/session.ts'
import type { UpstreamFailure } from '../upstream/connection.ts'
import { credentialTexts } from '../upstream/credential.ts'
import { UpstreamUnready } from '../upstream/loss.ts'
import type { ModernEnd } from '../upstream/modern.ts'
import type { ModernServer } from '../upstream/modern-server.ts'

/** What was learned about an upstream's tools is asked for anew after this long: nobody may have been listening when they changed. */
const INVENTORY_MS = 60_000

/** A request under way. It ends with its caller's grant, with the counterpart, and when its client hangs up. */
export interface UnderWay {
  readonly principal: Principal
  readonly signal: AbortSignal
  /** Why it was ended from outside; null if it was not. */
  readonly endedBecause: () => string | null
  end(reason: string): void
  /** It is over, whichever way. */
  done(): void
}

/** How many requests are under way, for several counterparts together. */
export interface CallTally {
  underWay: number
}

export interface CounterpartOptions {
  readonly binding: SessionBinding
  readonly server: ServerEntry
  readonly callsInFlightMax: number
  /** Of this subject at this server, with whichever client. */
  readonly tally: CallTally
  /** Bounded: what a hostile upstream makes us say. */
  readonly log: Log
  readonly toolLimits: { readonly toolPagesMax: number; readonly toolsMax: number }
  readonly monotonicMs: () => number
  /** Opens the upstream and makes sure that it is of this era. */
  readonly open: (counterpart: Counterpart) => Promise<Result<ModernServer, UpstreamFailure>>
}

/**
 * One client's other side at one server where there are no sessions: which tools there are, what is under way, and for stdio the process
 * that works for this subject and client alone. Nothing of a conversation is kept; whatever is here can be thrown away at any moment.
 */
export class Counterpart {
  readonly binding: SessionBinding
  readonly credentialTexts: readonly string[]
  #server: ServerEntry
  readonly #options: CounterpartOptions
  readonly #underWay = new Set<UnderWay>()
  #inventory: { readonly key: string; readonly tools: ToolInventory; readonly atMs: number } | null = null
  #upstream: ModernServer | null = null
  #opening: Promise<Result<ModernServer, UpstreamFailure>> | null = null
  #principal: Principal | null = null
  #usedAtMs: number
  #isEnded = false

  constructor(options: CounterpartOptions) {
    this.#options = options
    this.binding = options.binding
    this.#server = options.server
    this.credentialTexts = credentialTexts(options.server.upstream)
    this.#usedAtMs = options.monotonicMs()
  }

  get server(): ServerEntry {
    return this.#server
  }

  /** The same upstream under another configuration: its limits hold from now on, for what is under way where that still asks. */
  reconfigure(server: ServerEntry): void {
    this.#server = server
  }

  get log(): Log {
    return this.#options.log
  }

  get tally(): CallTally {
    return this.#options.tally
  }

  get isIdle(): boolean {
    return this.#underWay.size === 0 && this.#opening === null
  }

  /** Of the latest request; null before the first. */
  get principal(): Principal | null {
    return this.#principal
  }

  get usedAtMs(): number {
    return this.#usedAtMs
  }

  /** Another request of the same client; refused beyond the bound, which all clients of the subject share. */
  begin(principal: Principal): Result<UnderWay, 'tooMany'> {
    const { tally, callsInFlightMax } = this.#options
    if (tally.underWay >= callsInFlightMax) return refused('tooMany')
    this.#principal = principal
    const controller = new AbortController()
    let reason: string | null = null
    const underWay: UnderWay = {
      principal,
      signal: controller.signal,
      endedBecause: () => reason,
      end: (why) => {
        reason ??= why
        controller.abort()
      },
      done: () => {
        if (this.#underWay.delete(underWay)) tally.underWay -= 1
        this.#usedAtMs = this.#options.monotonicMs()
      },
    }
    this.#underWay.add(underWay)
    tally.underWay += 1
    this.#usedAtMs = this.#options.monotonicMs()
    return ok(underWay)
  }

  /** The upstream, opened and known to be of this era. */
  async upstream(): Promise<Result<ModernServer, UpstreamFailure>> {
    if (this.#isEnded) return refused({ reason: 'sessionEnded' })
    if (this.#upstream !== null) return ok(this.#upstream)
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null
    })
    return await this.#opening
  }

  /** What is known of the tools, as long as memberships and configuration are those by which it was asked. */
  tools(membershipVersion: number, snapshotVersion: string): ToolInventory {
    const key = `${membershipVersion} ${snapshotVersion}`
    const nowMs = this.#options.monotonicMs()
    const known = this.#inventory
    if (known !== null && known.key === key && nowMs - known.atMs < INVENTORY_MS) return known.tools
    const tools = new ToolInventory((cursor) => this.#listPage(cursor), this.#options.toolLimits)
    this.#inventory = { key, tools, atMs: nowMs }
    return tools
  }

  /** The tools changed, or the one who told of them is gone. */
  forgetTools(): void {
    this.#inventory = null
  }

  /** The connection broke: the next request opens another. */
  drop(upstream: ModernServer): void {
    if (this.#upstream !== upstream) return
    this.#upstream = null
    this.forgetTools()
    void upstream.close()
  }

  endCalls(isOver: (principal: Principal) => boolean, reason: string): void {
    for (const underWay of [...this.#underWay]) if (isOver(underWay.principal)) underWay.end(reason)
  }

  async end(reason: string): Promise<void> {
    if (this.#isEnded) return
    this.#isEnded = true
    this.endCalls(() => true, reason)
    const opening = await this.#opening?.catch(() => null)
    const upstream = this.#upstream ?? (opening?.ok === true ? opening.value : null)
    this.#upstream = null
    await upstream?.close()
  }

  async #open(): Promise<Result<ModernServer, UpstreamFailure>> {
    const opened = await this.#options.open(this)
    if (!opened.ok) return opened
    if (this.#isEnded) {
      await opened.value.close()
      return refused({ reason: 'sessionEnded' })
    }
    this.#upstream = opened.value
    return opened
  }

  async #listPage(cursor: Parameters<ConstructorParameters<typeof ToolInventory>[0]>[0]) {
    const upstream = await this.upstream()
    if (!upstream.ok) throw new UpstreamUnready(upstream.refusal.reason)
    const timeoutMs = this.server.limits.callTimeoutSeconds * 1000
    const end: ModernEnd = await upstream.value.ask('tools/list', cursor === null ? {} : { cursor }, timeoutMs)
    // Not answered is not the same as having no tools; whoever asked is told that the upstream is not available.
    if (end.kind !== 'answered') throw new UpstreamUnready(end.kind === 'lost' ? end.reason : 'toolListUnavailable')
    const { result } = end.object
    return isJsonObject(result) ? result : null
  }
}
