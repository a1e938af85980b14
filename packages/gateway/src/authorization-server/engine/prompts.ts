import { type Context, interactionPolicy } from 'oidc-provider'

const { Check, Prompt } = interactionPolicy

/**
 * When a person is asked. Login: until this browser's session belongs to an account that is active now, and whenever the client asks.
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
