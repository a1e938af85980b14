import { type Context, interactionPolicy } from 'oidc-provider'
import { MULTI_FACTOR } from '#core/acr.ts'
import { findProtectedResource } from '#policy/admin-api.ts'
import { judgeLogin } from '#policy/login-demands.ts'
import { demandOfRequest } from '../request-demand.ts'
import { isTimeKnownIn, loginIn } from './login-mark.ts'
import { currentUnit } from './unit-of-work.ts'

const { Check, Prompt } = interactionPolicy

/**
 * When a person is asked. Login: until this browser's session belongs to an account that is active now, and whenever the client asks; again
 * when the login at an identity provider that it stands on has ended, or was made with a password alone where that is no longer enough.
 * Consent: at every authorization, for every client and every scope; an answer is never remembered (GHSA-6x8h-498w-gv8c: a remembered
 * consent is one that an attacker's link can use).
 */
export function prompts(): object[] {
  return [
    new Prompt(
      { name: 'login', requestable: true },
      new Check(
        'no_account',
        'the person has to log in first',
        'login_required',
        (context: Context) => context.oidc?.account === undefined,
      ),
      new Check(
        'login_insufficient',
        'a stronger or more recent login is needed',
        'login_required',
        isLoginInsufficient,
      ),
      new Check('second_factor_missing', 'a second factor is needed', 'login_required', isSecondFactorMissing),
      new Check('login_over', 'the person has to log in again', 'login_required', isLoginOver),
    ),
    new Prompt(
      { name: 'consent', requestable: true },
      new Check(
        'no_consent',
        'the person has to consent first',
        'consent_required',
        (context: Context) => context.oidc?.result?.consent === undefined,
      ),
    ),
  ]
}

/** Of a login here: what identity providers ask of their people is judged by what they say of it. */
function isSecondFactorMissing(context: Context): boolean {
  const { session } = context.oidc ?? {}
  if (session?.loginTs === undefined || currentUnit().snapshot.requiresSecondFactor !== true) return false
  return loginIn(session.amr) === null && session.acr !== MULTI_FACTOR
}

async function isLoginOver(context: Context): Promise<boolean> {
  const loginId = loginIn(context.oidc?.session?.amr)
  return loginId !== null && (await currentUnit().findLiveLogin(loginId)) === null
}

/** RFC 9470 §4: what is asked for needs another login than the session has. The one just made was judged where it was made. */
function isLoginInsufficient(context: Context): boolean {
  const { session, params, result } = context.oidc ?? {}
  const { snapshot, now } = currentUnit()
  const resource = findProtectedResource(params?.['resource'], snapshot)
  if (session?.loginTs === undefined || params === undefined || resource === null || result?.login !== undefined)
    return false
  const facts = { acr: session.acr ?? null, authTime: session.loginTs, isTimeKnown: isTimeKnownIn(session.amr) }
  return judgeLogin(facts, demandOfRequest(params, resource, snapshot), now) !== 'enough'
}
