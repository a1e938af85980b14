import { ok, type Result, refused } from '#core/result.ts'
import type { Snapshot, Workload } from '#core/snapshot.ts'
import type { IssuerKeys } from '#identity/issuer-keys.ts'
import { type AssertionProblem, readAssertion, verifyAssertion } from '#identity/verify-assertion.ts'
import { judgeWorkload } from './judge-workload.ts'

export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
/** draft-ietf-oauth-identity-assertion-authz-grant: an assertion about a person, which a client brings that has to prove who it is. */
export const ID_JAG_TYPE = 'oauth-id-jag+jwt'

/** A workload that has shown who it is by the assertion of its platform. It is its own client (RFC 7521 §4.2). */
export interface AdmittedWorkload {
  readonly workload: Workload
  readonly use: AssertionUse
  readonly issuer: string
  readonly subject: string
}

/** By what an assertion is remembered until it ends; null for those that may come again. */
export type AssertionUse = { readonly key: string; readonly until: number } | null

/**
 * RFC 7523 §2.1 without a client: the assertion alone says who asks. Null where that is not what is asked for: another grant, a client that
 * shows itself beside the assertion, or an assertion about a person.
 */
export async function admitWorkload(
  form: URLSearchParams,
  showsClient: boolean,
  snapshot: Snapshot,
  { keys, now }: { readonly keys: IssuerKeys; readonly now: number },
): Promise<Result<AdmittedWorkload | null, AssertionProblem>> {
  const assertion = form.get('assertion')
  if (form.get('grant_type') !== JWT_BEARER || showsClient || assertion === null) return ok(null)
  const read = readAssertion(assertion, snapshot.trustedIssuers ?? [])
  if (!read.ok) return refused({ kind: 'invalid', reason: read.refusal })
  if (read.value.type === ID_JAG_TYPE) return ok(null)
  const claims = await verifyAssertion(read.value, keys)
  if (!claims.ok) return claims
  const { issuer } = read.value
  const judged = judgeWorkload(claims.value, issuer, { publicUrl: snapshot.publicUrl, now })
  if (!judged.ok) return refused({ kind: 'invalid', reason: judged.refusal })
  const { workload, subject, use } = judged.value
  const key = use === null ? null : { key: `${issuer.issuer} ${use.tokenId}`, until: use.until }
  return ok({ workload, use: key, issuer: issuer.issuer, subject })
}
