import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '#core/clock.ts'
import type { Log } from '#core/log.ts'
import { ok } from '#core/result.ts'
import type { HttpUpstream, ServerEntry } from '#core/snapshot.ts'
import { openUpstreamPool, type UpstreamPool } from '#net/upstream-pool.ts'
import type { DataPlaneLimits } from '../limits.ts'
import { type ChildOwner, DEFAULT_SEARCH_PATH } from './child-environment.ts'
import type { OpenConnection } from './connection.ts'
import { endOrphans } from './end-orphans.ts'
import { openHttp } from './http.ts'
import { openModernHttp } from './modern-http.ts'
import type { ModernTransport } from './modern-transport.ts'
import { ProcessGroups } from './process-group.ts'
import { openStdio } from './stdio.ts'

export interface ConnectorOptions {
  readonly stateDir: string
  /** PATH for child processes; a plain default when the gateway has none. */
  readonly searchPath: string | undefined
  readonly limits: DataPlaneLimits
  readonly clock: Clock
  readonly log: Log
}

/** Opens connections to upstreams, and ends whatever is left of them with the gateway. */
export interface Connector {
  connectTo(server: ServerEntry, owner: ChildOwner): OpenConnection
  /** The same without sessions; null for a server that is a process. The bound is asked for with every request, because it may change. */
  modernHttp(server: ServerEntry, responseBytesMax: () => number, log: Log): ModernTransport | null
  close(): Promise<void>
}

export function createConnector(options: ConnectorOptions): Connector {
  const { stateDir, limits, clock, log } = options
  const groups = new ProcessGroups(limits.killAfterMs)
  const pools = new Map<string, UpstreamPool>()
  // The last resort: a process that ends without closing takes its children with it.
  const killAll = () => groups.killAll()
  process.on('exit', killAll)
  const swept = sweep(join(stateDir, 'run'), log)

  const poolFor = (spec: HttpUpstream): UpstreamPool => {
    const { origin } = new URL(spec.url)
    const key = `${spec.network} ${origin}`
    const pool = pools.get(key) ?? openUpstreamPool({ origin, network: spec.network })
    pools.set(key, pool)
    return pool
  }

  return {
    connectTo: (server, owner) => async (events) => {
      const { upstream, limits: own } = server
      if (upstream.kind === 'stdio') {
        await swept
        const searchPath = options.searchPath ?? DEFAULT_SEARCH_PATH
        return await openStdio(upstream, owner, { stateDir, searchPath, groups, limits, clock, log }, events)
      }
      const callTimeoutMs = own.callTimeoutSeconds * 1000
      const { responseBytesMax } = own
      return ok(openHttp(upstream, { pool: poolFor(upstream), responseBytesMax, callTimeoutMs, limits, log }, events))
    },
    modernHttp: ({ upstream }, responseBytesMax, ownLog) =>
      upstream.kind === 'http'
        ? openModernHttp(upstream, { pool: poolFor(upstream), responseBytesMax, log: ownLog })
        : null,
    close: async () => {
      process.off('exit', killAll)
      await Promise.all([...pools.values()].map((pool) => pool.close()))
      groups.killAll()
    },
  }
}

/** Children that a killed gateway left behind, and their private folders. Only then are children started: two never share a user's folder. */
async function sweep(runDir: string, log: Log): Promise<void> {
  const ended = await endOrphans(runDir)
  if (ended > 0) log.warn('processes that an earlier gateway had left running were ended', { ended })
  await rm(runDir, { recursive: true, force: true, maxRetries: 3 })
}
