import type { Clock } from '#core/clock.ts'
import type { SubjectId, TenantId } from '#core/ids.ts'
import { NOBODYS_HASH, verifyPassword } from '#identity/password-hash.ts'
import { PASSWORD_CHARACTERS_MAX, USERNAME_PATTERN } from '#identity/password-rules.ts'
import type { Account } from '#store/ports/accounts.ts'
import type { Store } from '#store/ports/store.ts'
import type { HashQueue } from './hash-queue.ts'
import { accountKey, loginDraws } from './login-limits.ts'

export type PasswordOutcome =
  | { readonly kind: 'accepted'; readonly account: Account }
  /** One sentence for all of them; `reason` is for the audit log alone. */
  | {
      readonly kind: 'refused'
      readonly reason: 'unknownUser' | 'wrongPassword' | 'accountDisabled'
      readonly subject: SubjectId | null
    }
  | { readonly kind: 'throttled'; readonly limit: 'account' | 'address'; readonly retryAfterSeconds: number }
  | { readonly kind: 'busy' }

export interface PasswordAttempt {
  readonly tenant: TenantId
  /** As typed; trimmed and lower-cased here. */
  readonly username: string
  readonly password: string
  readonly address: string
}

/**
 * Checks a password. Both limits are drawn, in one step of the store, before any hashing: parallel attempts cannot outrun them, and a
 * flood costs no memory. Unknown and known names take the same road and the same work. Rejects when the store is broken.
 */
export async function authenticatePassword(
  deps: { readonly store: Store; readonly clock: Clock; readonly hashQueue: HashQueue },
  attempt: PasswordAttempt,
): Promise<PasswordOutcome> {
  const { store, clock, hashQueue } = deps
  const username = attempt.username.trim().toLowerCase()
  const draws = loginDraws(username, attempt.address)
  const drawn = await store.limits.draw(attempt.tenant, draws, clock.nowMs())
  if (drawn.kind !== 'allowed') {
    const limit = drawn.key === draws[0].key ? 'account' : 'address'
    return { kind: 'throttled', limit, retryAfterSeconds: drawn.retryAfterSeconds }
  }
  // A name that no account can have is still looked up, so that both kinds of unknown take the same time.
  const account = await store.accounts.findByUsername(attempt.tenant, USERNAME_PATTERN.test(username) ? username : '?')
  const password = [...attempt.password].slice(0, PASSWORD_CHARACTERS_MAX + 1).join('')
  const verified = await hashQueue.run(() => verifyPassword(password, account?.passwordHash ?? NOBODYS_HASH))
  if (!verified.ok) return { kind: 'busy' }
  if (account === null) return { kind: 'refused', reason: 'unknownUser', subject: null }
  if (!verified.value) return { kind: 'refused', reason: 'wrongPassword', subject: account.subject }
  if (account.status !== 'active') return { kind: 'refused', reason: 'accountDisabled', subject: account.subject }
  // Only the account's own bucket: an attacker with one good password must not refill the address's.
  await store.limits.reset(attempt.tenant, [accountKey(username)])
  return { kind: 'accepted', account }
}
