import type { Clock } from '#core/clock.ts'
import type { TenantId } from '#core/ids.ts'
import { isTokenAlgorithm, type TokenAlgorithm } from '#core/token-algorithms.ts'
import { ACCESS_TOKEN_SECONDS_MAX } from '#core/token-lifetime.ts'
import type { SigningKeysPort, StoredSigningKey } from '#store/ports/signing-keys.ts'
import type { Sealer } from './sealer.ts'
import type { KeyAudit } from './signing-keys.ts'
import { makeTokenKey } from './token-keys.ts'

/** A retired key is published until the last token that it may have signed has expired, and a little longer: clocks differ. */
const RETIRING_SECONDS = ACCESS_TOKEN_SECONDS_MAX + 120

export interface RotationPolicy {
  /** Whose keys are renewed: what some server is configured for. */
  readonly algorithms: ReadonlySet<TokenAlgorithm>
  /** A key signs for so long. */
  readonly rotateSeconds: number
  /** A key is published so long before it signs: longer than anybody may keep our key set. */
  readonly publishAheadSeconds: number
}

export interface RotationDependencies {
  readonly port: SigningKeysPort
  readonly sealer: Sealer
  readonly tenant: TenantId
  readonly clock: Clock
  readonly audit: KeyAudit
}

/**
 * Does what is due now: publishes the next key of each algorithm, lets it sign when its time has come and it has been published for long
 * enough, and deletes retired keys that no live token needs. Every replica may do this at once: each step is one conditional transition.
 */
export async function rotateSigningKeys(
  { port, sealer, tenant, clock, audit }: RotationDependencies,
  policy: RotationPolicy,
): Promise<void> {
  const now = clock.nowSeconds()
  const keys = await port.list(tenant, 'accessToken')
  const entry = (reason: string, { kid, algorithm }: Pick<StoredSigningKey, 'kid' | 'algorithm'>) =>
    audit.entry({
      tenant,
      activity: 'signingKey.change',
      outcome: 'success',
      reason,
      requestId: null,
      detail: { kid, algorithm },
    })

  for (const active of keys.filter(({ status }) => status === 'active')) {
    const { algorithm } = active
    const next = keys.find((key) => key.status === 'next' && key.algorithm === algorithm)
    if (next === undefined) {
      if (isTokenAlgorithm(algorithm) && policy.algorithms.has(algorithm)) await publishNext(algorithm)
    } else if (dueAt(active, next, policy) <= now && next.createdAt + policy.publishAheadSeconds <= now) {
      const succession = { active: active.kid, next: next.kid, at: now }
      const hasPromoted = await port.promote(tenant, succession, [entry('activated', next), entry('retired', active)])
      if (hasPromoted && isTokenAlgorithm(algorithm) && policy.algorithms.has(algorithm)) await publishNext(algorithm)
    }
  }
  for (const key of keys)
    if (key.status === 'retiring' && (key.retiredAt ?? now) + RETIRING_SECONDS <= now)
      await port.removeRetired(tenant, key.kid, now - RETIRING_SECONDS, [entry('removed', key)])

  async function publishNext(algorithm: TokenAlgorithm): Promise<void> {
    const made = await makeTokenKey(sealer, tenant, algorithm)
    const times = { createdAt: now, dueAt: null, activatedAt: null, retiredAt: null }
    await port.addNext({ ...made, status: 'next', ...times }, [entry('published', made)])
  }
}

/** When `next` is to take over: when somebody asked for it, else when `active` has signed for long enough. */
export function dueAt(
  active: StoredSigningKey,
  next: StoredSigningKey,
  { rotateSeconds }: Pick<RotationPolicy, 'rotateSeconds'>,
): number {
  return Math.min(next.dueAt ?? Number.POSITIVE_INFINITY, (active.activatedAt ?? active.createdAt) + rotateSeconds)
}
