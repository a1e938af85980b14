import { type Context, interactionPolicy } from 'oidc-provider'
import { loginIn } from './login-mark.ts'
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
