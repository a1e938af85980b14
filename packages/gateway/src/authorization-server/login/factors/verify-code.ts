import { createHash } from 'node:crypto'
import type { AuditEvent } from '#audit/trail.ts'
import { hashRecoveryCode } from '#identity/recovery-codes.ts'
import { totpStepOf } from '#identity/totp.ts'
import type { Account } from '#store/ports/accounts.ts'
import type { PageContext } from '../../pages/deps.ts'
import { addressDraw } from '../login-limits.ts'
import { openTotpSecret } from './totp-seal.ts'

/** Somebody who knows the password has so many guesses at a code of six digits, of which three are right at any time. */
const BURST = 5
const PERIOD_SECONDS = 15 * 60

export type CodeOutcome =
  | { readonly kind: 'accepted'; readonly method: 'totp' | 'recoveryCode' }
  | { readonly kind: 'refused'; readonly reason: 'wrongCode' | 'codeUsed' }
  | { readonly kind: 'throttled'; readonly retryAfterSeconds: number }

/** A code of the authenticator app, or one of the recovery codes. Each counts once; the limits are drawn before anything is compared. */
export async function verifyCode(
  context: PageContext,
  account: Account,
  typed: string,
  address: string,
  event: Omit<AuditEvent, 'outcome'>,
): Promise<CodeOutcome> {
  const { store, sealer, clock, audit } = context
  const { tenant, subject } = account
  const key = `login:factor:${createHash('sha256').update(subject).digest('base64url')}`
  const draws = [{ key, burst: BURST, periodSeconds: PERIOD_SECONDS }, addressDraw(address)]
  const drawn = await store.limits.draw(tenant, draws, clock.nowMs())
  if (drawn.kind !== 'allowed') return { kind: 'throttled', retryAfterSeconds: drawn.retryAfterSeconds }
  const now = clock.nowSeconds()
  const accepted = async (method: 'totp' | 'recoveryCode'): Promise<CodeOutcome> => {
    await store.limits.reset(tenant, [key])
    return { kind: 'accepted', method }
  }
  const totp = await store.factors.findTotp(tenant, subject)
  const step =
    totp === null
      ? null
      : totpStepOf(typed.replace(/\s/g, ''), openTotpSecret(sealer, tenant, subject, totp.sealed), now)
  if (step !== null)
    return (await store.factors.useTotp(tenant, subject, step)) === 'accepted'
      ? await accepted('totp')
      : { kind: 'refused', reason: 'codeUsed' }
  const hash = hashRecoveryCode(typed)
  if (hash === null) return { kind: 'refused', reason: 'wrongCode' }
  const used = audit.entry({
    ...event,
    activity: 'account.change',
    outcome: 'success',
    reason: 'recoveryCodeUsed',
    subject,
  })
  const outcome = await store.factors.useRecoveryCode(tenant, subject, hash, now, [used])
  return outcome === 'accepted' ? await accepted('recoveryCode') : { kind: 'refused', reason: 'wrongCode' }
}
