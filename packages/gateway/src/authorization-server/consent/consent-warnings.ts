import type { Html, HtmlValue } from '#http/html.ts'
import type { ClientDescription } from '../interactions.ts'
import { say, sayDuration } from '../pages/say.ts'
import { printableName } from './printable-name.ts'

/** A client that registered itself within this time is pointed out. */
const NEW_CLIENT_SECONDS = 24 * 60 * 60
const LOOKALIKES_SHOWN_MAX = 3

/** What deserves a second look before allowing, gravest first. Pure. */
export function consentWarnings(client: ClientDescription, clientName: HtmlValue, nowSeconds: number): readonly Html[] {
  const warnings: Html[] = []
  const names = client.lookalikes.slice(0, LOOKALIKES_SHOWN_MAX).flatMap((name) => printableName(name) ?? [])
  if (names.length > 0)
    warnings.push(say('consent.warnLookalike', { names: names.map((name) => `“${name}”`).join(', ') }))
  if (client.isLocalhostOnly) warnings.push(say('consent.warnLocalhost', { client: clientName }))
  if (client.kind === 'dynamic' && client.registeredAt !== null) {
    const age = Math.max(1, nowSeconds - client.registeredAt)
    if (age < NEW_CLIENT_SECONDS) warnings.push(say('consent.warnNew', { age: sayDuration(age, 'down') }))
  }
  return warnings
}
