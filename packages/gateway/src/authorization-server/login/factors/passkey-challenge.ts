import { randomToken } from '#core/random.ts'
import type { HttpExchange } from '#http/exchange.ts'
import type { PageContext } from '../../pages/deps.ts'
import { loginCookieOf, setLoginCookie } from '../provider/login-cookie.ts'
import { digestOf, keep, take } from '../provider/transactions.ts'

/** As long as a browser waits for somebody to touch something. */
const CHALLENGE_SECONDS = 300

/** WebAuthn §13.4.3: 32 random bytes, for this browser and this purpose, once. Null when it could not be kept. */
export async function issueChallenge(context: PageContext, exchange: HttpExchange, purpose: string): Promise<string> {
  const browser = setLoginCookie(exchange, context.random)
  const challenge = randomToken(context.random)
  await keep(context, 'challenge', challenge, { browser: digestOf(browser), purpose }, CHALLENGE_SECONDS)
  return challenge
}

/** Whether this browser was given it for this purpose and it has not been answered yet; it has afterwards. */
export async function takeChallenge(
  context: PageContext,
  exchange: HttpExchange,
  purpose: string,
  challenge: string,
): Promise<boolean> {
  const browser = loginCookieOf(exchange)
  const kept = await take(context, 'challenge', challenge)
  return kept !== null && browser !== null && kept.browser === digestOf(browser) && kept.purpose === purpose
}
