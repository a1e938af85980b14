import type { Snapshot } from '#core/snapshot.ts'
import type { Principal } from '#identity/principal.ts'
import type { SenderCheck, SenderProblem } from '#identity/sender/sender-check.ts'
import { asksForSomething, NOTHING_REQUIRED, type SenderRequirement, senderRequirement } from '#policy/sender-rules.ts'
import type { TokenCredential } from '#wire/oauth/credential.ts'
import type { RequestHead } from '../admission/request-head.ts'
import type { Refusal } from '../refusal.ts'

type ShownToken = Extract<TokenCredential, { kind: 'token' }>

/** Whether there is anything to prove: not so for a bearer token that came as one, where no rule asks for more. That is the hot path. */
export function mustProveSender(head: RequestHead, { scheme }: ShownToken, { confirmation }: Principal): boolean {
  return scheme === 'dpop' || head.proof !== null || confirmation !== null || asksForSomething(head.snapshot.senders)
}

export type Proved =
  | { readonly refusal: Refusal }
  /** `nextNonce`: for the caller's next proof, when it needs a newer one. */
  | { readonly refusal: null; readonly nextNonce: string | null }

/** Whether whoever sent this is whom the token was given to (RFC 9449 §7, RFC 8705 §3). The token has been verified. */
export async function proveSender(
  head: RequestHead,
  shown: ShownToken,
  principal: Principal,
  senders: SenderCheck,
): Promise<Proved> {
  const evidence = {
    scheme: shown.scheme,
    token: shown.token.reveal(),
    proof: head.proof,
    method: head.method,
    url: head.target,
    certificate: head.certificate,
  }
  const checked = await senders.check(principal, evidence, requirementOf(principal, head))
  return checked.ok ? { refusal: null, nextNonce: checked.value.nextNonce } : { refusal: toRefusal(checked.refusal) }
}

const requirements = new WeakMap<Principal, { readonly snapshot: Snapshot; readonly requirement: SenderRequirement }>()

/** Worked out once per token and configuration. */
function requirementOf(principal: Principal, { snapshot, server }: RequestHead): SenderRequirement {
  if (!asksForSomething(snapshot.senders)) return NOTHING_REQUIRED
  const known = requirements.get(principal)
  if (known?.snapshot === snapshot) return known.requirement
  const requirement = senderRequirement({ ...principal, resource: server }, snapshot)
  requirements.set(principal, { snapshot, requirement })
  return requirement
}

function toRefusal(problem: SenderProblem): Refusal {
  switch (problem.kind) {
    case 'unproven':
      return { name: 'senderUnproven', reason: problem.reason }
    case 'proofInvalid':
      return { name: 'proofInvalid', reason: problem.reason }
    case 'nonceNeeded':
      return { name: 'proofNonceNeeded', reason: problem.reason, nonce: problem.nonce }
    case 'tooMany':
      return { name: 'rateLimited', retryAfterSeconds: problem.retryAfterSeconds, id: null }
    case 'unavailable':
      return { name: 'verifierUnavailable', reason: problem.reason }
  }
}
