import { createHash } from 'node:crypto'
import type { TestResult } from '#core/identity-tests.ts'
import type { PageContext } from '../../pages/deps.ts'

/** One login at a provider, from the click until the browser is back. */
export interface LoginTransaction {
  readonly provider: string
  /** The interaction and page that it began on; for a test, its id. */
  readonly uid: string
  readonly place: 'login' | 'consent' | 'test'
  readonly verifier: string
  readonly nonce: string
  /** Digest of the browser's cookie: whoever comes back is who went. */
  readonly browser: string
}

/** A login that the provider vouched for, waiting for the interaction's own page, where the engine's cookie is. */
export interface LoginTicket {
  readonly subject: string
  readonly authTime: number
  readonly amr: readonly string[]
  readonly passwordHash: string
  /** Whether the provider said when the person proved themselves. */
  readonly isTimeKnown: boolean
  /** What is kept of it: whatever is opened by it ends with it. */
  readonly loginId: string
}

/** A challenge for a passkey, and what it was given out for. */
export interface KeptChallenge {
  readonly browser: string
  readonly purpose: string
}

/** A login that an operator tries out: nobody is logged in by it. */
export interface KeptTest {
  readonly provider: string
  /** Null until the browser is back. */
  readonly result: TestResult | null
}

const MODELS = {
  transaction: 'ProviderLogin',
  ticket: 'ProviderTicket',
  challenge: 'PasskeyChallenge',
  test: 'ProviderTest',
} as const
type Keeper = Pick<PageContext, 'store' | 'snapshots' | 'sealer' | 'clock'>
type Kind = keyof typeof MODELS
interface Kept {
  readonly transaction: LoginTransaction
  readonly ticket: LoginTicket
  readonly challenge: KeptChallenge
  readonly test: KeptTest
}

/** Kept sealed under the digest of a secret that the browser brings back: `state` in the URL, then its cookie. */
export async function keep<K extends Kind>(
  context: Keeper,
  kind: K,
  secret: string,
  value: Kept[K],
  seconds: number,
): Promise<boolean> {
  return await write(context, 'insert', kind, secret, value, seconds)
}

/** Puts another value where one is kept. */
export async function replace<K extends Kind>(
  context: Keeper,
  kind: K,
  secret: string,
  value: Kept[K],
  seconds: number,
): Promise<void> {
  await write(context, 'upsert', kind, secret, value, seconds)
}

async function write<K extends Kind>(
  { store, snapshots, sealer, clock }: Keeper,
  by: 'insert' | 'upsert',
  kind: K,
  secret: string,
  value: Kept[K],
  seconds: number,
): Promise<boolean> {
  const { tenant } = snapshots.current()
  const model = MODELS[kind]
  const id = digestOf(secret)
  const sealed = sealer.seal(Buffer.from(JSON.stringify(value)), `${tenant}|${model}|${id}`)
  const document = {
    model,
    id,
    payload: Buffer.from(sealed).toString('base64'),
    grantId: null,
    uid: null,
    userCode: null,
    accountId: null,
    clientId: null,
    expiresAt: clock.nowSeconds() + seconds,
  }
  return (await store.engine.commit(tenant, [{ kind: by, document }], [])).outcome === 'committed'
}

/** Gives it out once: of two who bring the same secret, one gets nothing. Null as well where there is none, or none any more. */
export async function take<K extends Kind>(
  { store, snapshots, sealer, clock }: Keeper,
  kind: K,
  secret: string,
): Promise<Kept[K] | null> {
  const { tenant } = snapshots.current()
  const model = MODELS[kind]
  const id = digestOf(secret)
  const at = clock.nowSeconds()
  const found = await store.engine.find(tenant, model, id, at)
  if (found === null) return null
  const taken = await store.engine.commit(tenant, [{ kind: 'consume', model, id, at }], [])
  if (taken.outcome !== 'committed') return null
  const opened = sealer.open(Buffer.from(found.payload, 'base64'), `${tenant}|${model}|${id}`)
  return JSON.parse(Buffer.from(opened).toString('utf8')) as Kept[K] // Sealed by `keep`, for this very place.
}

/** Leaves it where it is; null where there is none, or none any more. */
export async function look<K extends Kind>(
  { store, snapshots, sealer, clock }: Keeper,
  kind: K,
  secret: string,
): Promise<Kept[K] | null> {
  const { tenant } = snapshots.current()
  const [model, id] = [MODELS[kind], digestOf(secret)]
  const found = await store.engine.find(tenant, model, id, clock.nowSeconds())
  if (found === null) return null
  const opened = sealer.open(Buffer.from(found.payload, 'base64'), `${tenant}|${model}|${id}`)
  return JSON.parse(Buffer.from(opened).toString('utf8')) as Kept[K] // Sealed by `keep`, for this very place.
}

export function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}
