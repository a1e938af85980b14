import type { Clock } from '#core/clock.ts'
import type { Log } from '#core/log.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { ServerEntry, Snapshot, UpstreamSpec } from '#core/snapshot.ts'
import type { Principal } from '#identity/principal.ts'
import { SUPPORTED_REVISIONS } from '#wire/mcp/revisions.ts'
import type { DataPlaneLimits } from '../limits.ts'
import type { Refusal } from '../refusal.ts'
import { bindingOf, type SessionBinding } from '../sessions/session.ts'
import { boundedLog } from '../upstream/bounded-log.ts'
import type { Connector } from '../upstream/connect.ts'
import type { UpstreamFailure } from '../upstream/connection.ts'
import { ModernServer, type ProbedEra } from '../upstream/modern-server.ts'
import { openModernStdio } from '../upstream/modern-stdio.ts'
import type { ModernTransport } from '../upstream/modern-transport.ts'
import { sameUpstream } from '../upstream/same-upstream.ts'
import { type CallTally, Counterpart } from './counterpart.ts'

/**
 * How long a server's era is taken for granted. A modern verdict corrects itself when requests are turned away; a legacy one never
 * would, so it is short.
 */
const ERA_MS: { readonly [era in ProbedEra['era']]: number } = { modern: 10 * 60_000, legacy: 30_000 }

export interface CounterpartsOptions {
  readonly connector: Connector
  readonly limits: DataPlaneLimits
  readonly clock: Clock
  readonly log: Log
}

interface Verdict {
  readonly probed: ProbedEra
  readonly upstream: UpstreamSpec
  readonly atMs: number
}

/** All counterparts, bounded in total and for processes per subject and server, and what eras their servers are of. */
export class Counterparts {
  readonly #options: CounterpartsOptions
  readonly #byKey = new Map<string, Counterpart>()
  readonly #eras = new Map<string, Verdict>()
  /** Per subject and server, because a subject may have any number of clients. */
  readonly #tallies = new Map<string, CallTally>()
  /** Times at which processes broke, per key: a server that dies at once is not started in a loop. */
  readonly #breaks = new Map<string, number[]>()

  constructor(options: CounterpartsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#byKey.size
  }

  all(): readonly Counterpart[] {
    return [...this.#byKey.values()]
  }

  /** The counterpart of this caller at this server. Nothing is opened yet. */
  of(principal: Principal, server: ServerEntry): Result<Counterpart, Refusal> {
    const binding = bindingOf(principal, server)
    const key = keyOf(binding)
    const known = this.#byKey.get(key)
    if (known !== undefined && sameUpstream(known.server.upstream, server.upstream)) {
      known.reconfigure(server)
      return ok(known)
    }
    if (known !== undefined) this.#end(key, known, 'serverChanged')
    if (!this.#makeRoom(principal, server)) return refused({ name: 'sessionsExhausted' })
    const { limits, clock, log } = this.#options
    const counterpart = new Counterpart({
      binding,
      server,
      callsInFlightMax: limits.callsInFlightMax,
      tally: this.#tallyOf(binding),
      log: boundedLog(log, limits.logLinesPerMinuteMax, clock, { server: server.id }),
      toolLimits: limits,
      monotonicMs: () => clock.monotonicMs(),
      open: (self) => this.#open(key, self),
    })
    this.#byKey.set(key, counterpart)
    return ok(counterpart)
  }

  /** Revisions that a client may choose from at this server: what it was last heard to speak, or where nobody asked it yet, all. */
  revisionsOf(principal: Principal, server: ServerEntry): readonly string[] {
    return this.#probed(server, keyOf(bindingOf(principal, server)))?.revisions ?? SUPPORTED_REVISIONS
  }

  /** A server that turned a request away as none of its era may have changed eras. */
  forgetEra(server: ServerEntry): void {
    this.#eras.delete(server.id)
  }

  reap(): void {
    const nowMs = this.#options.clock.monotonicMs()
    for (const [key, counterpart] of [...this.#byKey]) {
      const idleMs = counterpart.server.limits.idleSeconds * 1000
      if (counterpart.isIdle && nowMs - counterpart.usedAtMs >= idleMs) this.#end(key, counterpart, 'idle')
    }
    const tallies = new Set(this.all().map(({ tally }) => tally))
    for (const [key, tally] of this.#tallies) {
      if (tally.underWay === 0 && !tallies.has(tally)) this.#tallies.delete(key)
    }
    for (const [key, verdict] of this.#eras) if (!this.#isFresh(verdict)) this.#eras.delete(key)
    for (const key of this.#breaks.keys()) if (this.#recentBreaks(key).length === 0) this.#breaks.delete(key)
  }

  /** Calls of revoked grants end at once, and a process ends with the grant it last worked under. */
  endRevoked(isRevoked: (principal: Principal) => boolean): void {
    for (const [key, counterpart] of [...this.#byKey]) {
      counterpart.endCalls(isRevoked, 'grantRevoked')
      const { principal } = counterpart
      if (principal !== null && isRevoked(principal)) this.#end(key, counterpart, 'grantRevoked')
    }
  }

  endChanged(snapshot: Snapshot): void {
    for (const [key, counterpart] of [...this.#byKey]) {
      const server = snapshot.servers.get(counterpart.server.id)
      if (server === undefined || !sameUpstream(server.upstream, counterpart.server.upstream)) {
        this.#end(key, counterpart, 'serverChanged')
      } else counterpart.reconfigure(server)
    }
  }

  async close(): Promise<void> {
    const all = this.all()
    this.#byKey.clear()
    await Promise.all(all.map((counterpart) => counterpart.end('shutdown')))
  }

  #end(key: string, counterpart: Counterpart, reason: string): void {
    this.#byKey.delete(key)
    void counterpart.end(reason)
  }

  /** The one that was idle longest goes; one in use never does, and another subject's only for the bound of all. */
  #makeRoom(principal: Principal, server: ServerEntry): boolean {
    const mine = [...this.#byKey].filter(
      ([, { binding }]) =>
        binding.tenant === principal.tenant && binding.subject === principal.subject && binding.server === server.id,
    )
    if (mine.length >= server.limits.sessionsPerSubjectMax && !this.#endOldest(mine)) return false
    return this.#byKey.size < this.#options.limits.sessionsMax || this.#endOldest([...this.#byKey])
  }

  #endOldest(candidates: readonly (readonly [string, Counterpart])[]): boolean {
    const idle = candidates.filter(([, counterpart]) => counterpart.isIdle)
    const oldest = idle.toSorted(([, a], [, b]) => a.usedAtMs - b.usedAtMs)[0]
    if (oldest === undefined) return false
    this.#end(oldest[0], oldest[1], 'replaced')
    return true
  }

  /** Connects and asks for the era, unless it is known. A legacy server is never sent anything that it could take for its own. */
  async #open(key: string, owner: Counterpart): Promise<Result<ModernServer, UpstreamFailure>> {
    const { server } = owner
    if (this.#probed(server, key)?.era === 'legacy') return refused({ reason: 'legacyOnly' })
    let opened: ModernServer | null = null
    const transport = await this.#connect(key, owner, (reason) => {
      this.#options.log.warn('a process of an upstream ended', { server: server.id, reason })
      this.#breaks.set(key, [...this.#recentBreaks(key), this.#options.clock.monotonicMs()])
      if (opened !== null) owner.drop(opened)
    })
    if (!transport.ok) return transport
    const upstream = new ModernServer(transport.value)
    opened = upstream
    if (this.#probed(server, key)?.era === 'modern') return ok(upstream)
    const probed = await upstream.probe(server.limits.callTimeoutSeconds * 1000)
    if ('lost' in probed) {
      await upstream.close()
      return refused({ reason: probed.lost })
    }
    // That a process failed to say what it is may be its own user's doing, in a folder that is theirs; so it is not held against others.
    const isOwn = server.upstream.kind === 'stdio' && probed.era === 'legacy'
    this.#eras.set(isOwn ? key : server.id, {
      probed,
      upstream: server.upstream,
      atMs: this.#options.clock.monotonicMs(),
    })
    if (probed.era === 'modern') return ok(upstream)
    await upstream.close()
    return refused({ reason: 'legacyOnly' })
  }

  async #connect(
    key: string,
    owner: Counterpart,
    onClosed: (reason: string) => void,
  ): Promise<Result<ModernTransport, UpstreamFailure>> {
    const { server, log } = owner
    const { connector, limits } = this.#options
    const http = connector.modernHttp(server, () => owner.server.limits.responseBytesMax, log)
    if (http !== null) return ok(http)
    if (this.#recentBreaks(key).length > limits.restartsMax) return refused({ reason: 'restartsExhausted' })
    try {
      return await openModernStdio(connector.connectTo(server, owner.binding), onClosed)
    } catch (cause) {
      // A machine without processes, memory or disk to spare makes an upstream unavailable; it must not break the road.
      log.error('a connection to an upstream could not be opened', { cause })
      return refused({ reason: 'openFailed' })
    }
  }

  /** What is known of the server, or else of this owner's own process. */
  #probed(server: ServerEntry, key: string): ProbedEra | null {
    for (const place of [server.id, key]) {
      const verdict = this.#eras.get(place)
      if (verdict === undefined || !sameUpstream(verdict.upstream, server.upstream)) continue
      if (this.#isFresh(verdict)) return verdict.probed
    }
    return null
  }

  #isFresh({ probed, atMs }: Verdict): boolean {
    return this.#options.clock.monotonicMs() - atMs < ERA_MS[probed.era]
  }

  #tallyOf({ tenant, subject, server }: SessionBinding): CallTally {
    const key = JSON.stringify([tenant, subject, server])
    const tally = this.#tallies.get(key) ?? { underWay: 0 }
    this.#tallies.set(key, tally)
    return tally
  }

  #recentBreaks(key: string): number[] {
    const { limits, clock } = this.#options
    const nowMs = clock.monotonicMs()
    return (this.#breaks.get(key) ?? []).filter((at) => nowMs - at < limits.restartWindowMs)
  }
}

/** A list in JSON, which no id of a server is. */
function keyOf({ tenant, subject, clientId, server }: SessionBinding): string {
  return JSON.stringify([tenant, subject, clientId, server])
}
