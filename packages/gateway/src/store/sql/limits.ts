import type { Kysely } from 'kysely'
import type { TenantId } from '#core/ids.ts'
import type { LimitDraw, LimitOutcome, LimitsPort } from '../ports/limits.ts'
import { rollBack } from './roll-back.ts'
import type { Database } from './schema.ts'

const US_PER_MS = 1000
const US_PER_SECOND = 1_000_000

/**
 * Generic cell rate algorithm (ITU-T I.371): a bucket is one time, `full_at`, at which it will have refilled. A draw moves that time
 * one interval on, and is refused when it would lie more than a whole period ahead.
 */
export function createLimits(db: Kysely<Database>): LimitsPort {
  return {
    async draw(tenant, draws, nowMs) {
      const nowUs = Math.floor(nowMs) * US_PER_MS
      let refusal: LimitOutcome & { kind: 'exceeded' } = { kind: 'exceeded', key: '', retryAfterSeconds: 0 }
      // In key order, so that two callers who draw from the same buckets wait for each other instead of deadlocking.
      for (const draw of draws.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
        const { fullAtUs, retryAfterUs } = drawFrom(await lockBucket(db, tenant, draw.key), draw, nowUs)
        const retryAfterSeconds = Math.ceil(retryAfterUs / US_PER_SECOND)
        if (retryAfterSeconds > refusal.retryAfterSeconds)
          refusal = { kind: 'exceeded', key: draw.key, retryAfterSeconds }
        await db
          .updateTable('limits')
          .set({ full_at_us: fullAtUs })
          .where('tenant', '=', tenant)
          .where('key', '=', draw.key)
          .execute()
      }
      return refusal.retryAfterSeconds > 0 ? rollBack<LimitOutcome>(refusal) : { kind: 'allowed' }
    },

    async reset(tenant, keys) {
      if (keys.length === 0) return
      await db.deleteFrom('limits').where('tenant', '=', tenant).where('key', 'in', keys).execute()
    },

    async collectIdle(nowMs, max) {
      const nowUs = Math.floor(nowMs) * US_PER_MS
      const result = await db
        .deleteFrom('limits')
        // Once more here: a bucket drawn from since it was chosen is looked at again, and is not idle.
        .where('full_at_us', '<=', nowUs)
        .where((eb) =>
          eb(
            eb.refTuple('tenant', 'key'),
            'in',
            eb
              .selectFrom('limits')
              .select(['tenant', 'key'])
              .where('full_at_us', '<=', nowUs)
              .limit(max)
              .$asTuple('tenant', 'key'),
          ),
        )
        .executeTakeFirst()
      return Number(result.numDeletedRows)
    },
  }
}

/** `retryAfterUs` is 0 when the draw is allowed; `fullAtUs` is the bucket after it. */
function drawFrom(
  fullAtUs: number,
  { key, burst, periodSeconds }: LimitDraw,
  nowUs: number,
): { fullAtUs: number; retryAfterUs: number } {
  if (!(Number.isInteger(burst) && burst >= 1 && periodSeconds > 0)) throw new RangeError(`impossible limit on ${key}`)
  const periodUs = Math.round(periodSeconds * US_PER_SECOND)
  // Never more than a period ahead: else a clock that once ran fast would lock people out until it is overtaken.
  const from = Math.min(Math.max(fullAtUs, nowUs), nowUs + periodUs)
  const next = from + Math.floor(periodUs / burst)
  return { fullAtUs: next, retryAfterUs: Math.max(0, next - periodUs - nowUs) }
}

/** When the bucket will be full; its row is locked until the transaction ends. */
async function lockBucket(db: Kysely<Database>, tenant: TenantId, key: string): Promise<number> {
  const row = await db
    .insertInto('limits')
    .values({ tenant, key, full_at_us: 0 })
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'key']).doUpdateSet((eb) => ({ full_at_us: eb.ref('limits.full_at_us') })),
    )
    .returning('full_at_us')
    .executeTakeFirstOrThrow()
  return row.full_at_us
}
