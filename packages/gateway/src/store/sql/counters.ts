import type { Kysely } from 'kysely'
import type { Database } from './schema.ts'

/** The feed is one line for the whole installation; no tenant can have the empty name. */
export const WHOLE_INSTALLATION = ''

type CounterName = 'feed' | 'grants' | 'audit'
type LockName = 'accounts' | 'apiKeys' | 'clients' | 'signingKeys'

/**
 * The next number (from 1). The row stays locked until the transaction ends, so numbers appear in commit order and a rolled-back
 * one is given again.
 */
export async function nextNumber(db: Kysely<Database>, tenant: string, name: CounterName, step = 1): Promise<number> {
  const row = await db
    .insertInto('counters')
    .values({ tenant, name, value: step })
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'name']).doUpdateSet((eb) => ({ value: eb('counters.value', '+', step) })),
    )
    .returning('value')
    .executeTakeFirstOrThrow()
  return row.value
}

/** The last number given, 0 before the first. */
export async function lastNumber(db: Kysely<Database>, tenant: string, name: CounterName): Promise<number> {
  const row = await db
    .selectFrom('counters')
    .select('value')
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .executeTakeFirst()
  return row?.value ?? 0
}

/**
 * Makes transactions that count before they insert go one after another: an upsert takes the row lock on every engine, where
 * `select … for update` exists only on some.
 */
export async function lock(db: Kysely<Database>, tenant: string, name: LockName): Promise<void> {
  await db
    .insertInto('counters')
    .values({ tenant, name: `lock.${name}`, value: 0 })
    .onConflict((conflict) => conflict.columns(['tenant', 'name']).doUpdateSet({ value: 0 }))
    .execute()
}
