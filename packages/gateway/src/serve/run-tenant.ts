import { setTimeout as wait } from 'node:timers/promises'
import type { SnapshotHolder } from '#control-plane/configuration/holder.ts'
import { openTenantSnapshots } from '#control-plane/configuration/tenant-holder.ts'
import type { TenantId } from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import { type Assembly, assemble } from './assemble.ts'
import { Closers } from './closers.ts'

/** A tenant that could not be opened is tried again after this long, for as long as it is configured. */
const RETRY_MS = 5_000

export interface TenantRunOptions {
  readonly tenant: TenantId
  readonly stateDir: string
  readonly searchPath?: string
  readonly log: Log
  /** The configuration of the whole gateway. */
  readonly whole: SnapshotHolder
  /** Resolves when whoever had its state before has let it go. */
  readonly after: Promise<void>
}

export interface TenantRun {
  /** Null while it cannot be reached. */
  current(): Assembly | null
  /** Resolves once it can be reached, or was found not to be for now. Never rejects. */
  readonly tried: Promise<void>
  close(): Promise<void>
}

/**
 * Keeps one tenant open. Where its store is away, in use or tampered with, that is this tenant's alone: it is told to the operator's log and tried again, and the
 * others go on.
 */
export function runTenant(options: TenantRunOptions): TenantRun {
  const { tenant, whole } = options
  const log = withTenant(options.log, tenant)
  const ending = new AbortController()
  const { signal } = ending
  const ended = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  const { promise: tried, resolve: markTried } = Promise.withResolvers<void>()
  let current: Assembly | null = null

  const runOnce = async (): Promise<void> => {
    const first = whole.loaded().tenants.get(tenant)
    if (first === undefined) return
    const closers = new Closers(log)
    try {
      const { stateDir, searchPath } = options
      const parts = { first, stateDir, log, ...(searchPath === undefined ? {} : { searchPath }) }
      const opened = await assemble(
        { ...parts, openSnapshots: (audit) => openTenantSnapshots({ whole, tenant, first, audit, log }) },
        closers,
      )
      current = opened
      markTried()
      const lost = await Promise.race([opened.lost, ended])
      if (lost !== undefined) log.error('the store of a tenant is gone; the tenant is opened anew', { cause: lost })
    } catch (cause) {
      log.error('a tenant cannot be opened; it is tried again', { cause })
    } finally {
      current = null
      markTried()
      await closers.closeAll()
    }
  }
  const run = async (): Promise<void> => {
    await options.after
    while (!signal.aborted) {
      await runOnce()
      if (!signal.aborted) await wait(RETRY_MS, undefined, { signal }).catch(() => undefined)
    }
  }
  const running = run().finally(markTried)

  return {
    current: () => current,
    tried,
    close: () => {
      ending.abort()
      return running
    },
  }
}

function withTenant(log: Log, tenant: TenantId): Log {
  return {
    debug: (message, details) => log.debug(message, { ...details, tenant }),
    info: (message, details) => log.info(message, { ...details, tenant }),
    warn: (message, details) => log.warn(message, { ...details, tenant }),
    error: (message, details) => log.error(message, { ...details, tenant }),
  }
}
