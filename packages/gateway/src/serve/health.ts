import type { Route } from '#http/exchange.ts'
import { sendJson } from '#http/respond.ts'

export interface HealthSources {
  /** True while the feed of revocations is fresh: the door lets nobody in otherwise. */
  readonly isFeedFresh: () => boolean
  /** `stale` while the configuration on disk is bad and an older one is in force. */
  readonly configuration: () => 'ok' | 'stale'
  readonly isClosing: () => boolean
}

/** Liveness and readiness for orchestrators. Says states, never reasons: those are in the log and behind the admin API. */
export function healthRoutes(sources: HealthSources): Route[] {
  return [
    { method: 'GET', path: '/healthz', handler: async ({ response }) => sendJson(response, 200, { status: 'alive' }) },
    {
      method: 'GET',
      path: '/readyz',
      handler: async ({ response }) => {
        const isReady = sources.isFeedFresh() && !sources.isClosing()
        sendJson(response, isReady ? 200 : 503, {
          status: isReady ? 'ready' : 'notReady',
          configuration: sources.configuration(),
        })
      },
    },
  ]
}
