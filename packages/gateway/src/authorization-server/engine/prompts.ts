import { type Context, interactionPolicy } from 'oidc-provider'
import { findProtectedResource } from '#policy/admin-api.ts'
import { judgeLogin } from '#policy/login-demands.ts'
import { demandOfRequest } from '../request-demand.ts'
import { isTimeKnownIn, loginIn } from './login-mark.ts'
import { currentUnit } from './unit-of-work.ts'

const { Check, Prompt } = interactionPolicy

/**
 * When a person is asked. Login: until this browser's session belongs to an account that is active now, and whenever the client asks; again
 * when the login at an identity provider that it stands on has ended.
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
