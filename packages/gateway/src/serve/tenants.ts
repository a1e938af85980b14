import type { SnapshotHolder } from '#control-plane/configuration/holder.ts'
import type { TenantId } from '#core/ids.ts'
import { tenantIssuer } from '#core/issuer-url.ts'
import type { Log } from '#core/log.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { sendText } from '#http/respond.ts'
import type { Router } from '#http/router.ts'
import { readTenantPath } from '#http/tenant-path.ts'
import type { Inside } from './assemble.ts'
import { runTenant, type TenantRun } from './run-tenant.ts'
import { tenantStateDir } from './tenant-state-dir.ts'

export interface TenantsOptions {
  /** Of the gateway; each tenant has a folder in it. */
  readonly stateDir: string
  readonly searchPath?: string
  readonly log: Log
}

/** A tenant that can be reached. */
export interface RunningTenant {
  readonly name: TenantId
  readonly publicUrl: string
  /** While nobody has an account there. */
  readonly setupLink: string | null
}

export interface Tenants {
  /** A router that leads what is below a tenant's path to that tenant, and everything else to `own`. */
  dispatch(own: Router, kind: 'router' | 'certificateRouter'): Router
  /** Opens what is configured, and from then on opens and closes what a new configuration adds and takes away. */
  follow(whole: SnapshotHolder): Promise<void>
  /** Resolves when what the newest configuration asks for has been done. */
  settled(): Promise<void>
  /** Whether every tenant can be reached and hears of revocations. */
  areReady(): boolean
  list(): readonly RunningTenant[]
  close(): Promise<void>
}

/** The tenants of this process. They share its listener and nothing else. */
export function createTenants({ stateDir, ...shared }: TenantsOptions): Tenants {
  const runs = new Map<TenantId, TenantRun>()
  /** What is being closed still holds its folder. */
  const leaving = new Map<TenantId, Promise<void>>()
  let stopFollowing: () => void = () => undefined
  let settling: Promise<void> = Promise.resolve()

  const close = (tenant: TenantId, run: TenantRun): Promise<void> => {
    runs.delete(tenant)
    const left = run.close()
    leaving.set(tenant, left)
    void left.then(() => {
      if (leaving.get(tenant) === left) leaving.delete(tenant)
    })
    return left
  }
  const reconcile = async (whole: SnapshotHolder): Promise<void> => {
    const wanted = whole.loaded().tenants
    const left = [...runs].filter(([tenant]) => !wanted.has(tenant)).map(([tenant, run]) => close(tenant, run))
    for (const tenant of wanted.keys()) {
      if (runs.has(tenant)) continue
      const after = leaving.get(tenant) ?? Promise.resolve()
      runs.set(tenant, runTenant({ ...shared, tenant, whole, after, stateDir: tenantStateDir(stateDir, tenant) }))
    }
    await Promise.all([...left, ...[...runs.values()].map(({ tried }) => tried)])
  }

  return {
    dispatch: (own, kind) => async (exchange) => {
      const found = readTenantPath(exchange.path)
      const run = found === null ? undefined : runs.get(found.tenant)
      // A name that nobody has is a path like any other that leads nowhere.
      if (found === null || run === undefined) return await own(exchange)
      const inside: Pick<Inside, 'router' | 'certificateRouter'> | null = run.current()
      if (inside === null) return notAvailable(exchange)
      const { otherOrigin = null } = exchange
      await inside[kind]({
        ...exchange,
        ...found,
        otherOrigin: otherOrigin === null ? null : tenantIssuer(otherOrigin, found.tenant),
      })
    },
    follow: async (whole) => {
      stopFollowing = whole.onSwap(() => {
        settling = settling.then(() => reconcile(whole))
      })
      settling = reconcile(whole)
      await settling
    },
    settled: () => settling,
    areReady: () => [...runs.values()].every((run) => run.current()?.isFeedFresh() === true),
    list: () =>
      [...runs].flatMap(([name, run]) => {
        const inside = run.current()
        if (inside === null) return []
        return [{ name, publicUrl: inside.snapshots.current().publicUrl, setupLink: inside.setupLink }]
      }),
    close: async () => {
      stopFollowing()
      await settling
      await Promise.all([...[...runs].map(([tenant, run]) => close(tenant, run)), ...leaving.values()])
    },
  }
}

const RETRY_AFTER_SECONDS = '5'

function notAvailable({ response, requestId }: HttpExchange): void {
  const headers = { 'retry-after': RETRY_AFTER_SECONDS, 'cache-control': 'no-store' }
  sendText(response, 503, `This cannot be reached at the moment. Try again soon. Request ${requestId}.\n`, headers)
}
