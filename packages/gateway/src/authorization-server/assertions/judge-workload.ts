import { ok, type Result, refused } from '#core/result.ts'
import type { TrustedIssuer, Workload } from '#core/snapshot.ts'
import type { AssertionClaims } from '#identity/verify-assertion.ts'
import { judgeTimes } from './judge-times.ts'

/** What a verified assertion of a workload says. */
export interface WorkloadClaims {
  readonly workload: Workload
  readonly subject: string
  /** By what it is remembered until it ends; null where it may come again. */
  readonly use: { readonly tokenId: string; readonly until: number } | null
}

/** Which of the issuer's workloads a verified assertion is of. Pure. Refuses with an audit reason. */
export function judgeWorkload(
  claims: AssertionClaims,
  { workloads }: Pick<TrustedIssuer, 'workloads'>,
  { publicUrl, now }: { readonly publicUrl: string; readonly now: number },
): Result<WorkloadClaims, string> {
  const { sub, jti, exp } = claims
  if (typeof sub !== 'string' || sub === '') return refused('assertionClaimMissing')
  const ours = [publicUrl, `${publicUrl}/oauth/token`]
  const meant = workloads.filter(({ audience }) => isFor(claims['aud'], audience === null ? ours : [audience]))
  if (meant.length === 0) return refused('assertionForOthers')
  const matching = meant.filter((workload) => matches(claims, workload))
  const [workload] = matching
  if (workload === undefined) return refused('workloadUnknown')
  // Two rules that both hold give different things; which is meant is for the operator to say.
  if (matching.length > 1) return refused('workloadAmbiguous')
  const problem = judgeTimes(claims, { now, lifetimeSecondsMax: workload.lifetimeSecondsMax })
  if (problem !== null) return refused(problem)
  if (workload.isRepeatable) return ok({ workload, subject: sub, use: null })
  // What is good once needs a name to be remembered by.
  if (typeof jti !== 'string' || jti === '' || typeof exp !== 'number') return refused('assertionClaimMissing')
  return ok({ workload, subject: sub, use: { tokenId: jti, until: exp } })
}

function isFor(aud: unknown, accepted: readonly string[]): boolean {
  return [aud].flat().some((one) => typeof one === 'string' && accepted.includes(one))
}

/** Every condition holds: the claim is there, and is exactly one of the values. */
function matches(claims: AssertionClaims, { claims: conditions }: Workload): boolean {
  return [...conditions].every(([name, values]) => {
    const value = Object.hasOwn(claims, name) ? claims[name] : undefined
    const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    return isPlain && values.includes(String(value))
  })
}
