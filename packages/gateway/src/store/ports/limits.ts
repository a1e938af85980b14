import type { TenantId } from '#core/ids.ts'

/** One bucket to draw from: `burst` at once, refilled evenly so that `burst` returns within `periodSeconds`. */
export interface LimitDraw {
  readonly key: string
  readonly burst: number
  readonly periodSeconds: number
}

export type LimitOutcome =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'exceeded'; readonly key: string; readonly retryAfterSeconds: number }

/** Counting that survives a restart (login attempts, registrations). Drawing from several buckets is one step: all or none. */
export interface LimitsPort {
  draw(tenant: TenantId, draws: readonly LimitDraw[], nowMs: number): Promise<LimitOutcome>
  reset(tenant: TenantId, keys: readonly string[]): Promise<void>
  collectIdle(nowMs: number, max: number): Promise<number>
}
