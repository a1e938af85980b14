import { createHash } from 'node:crypto'
import { asSubjectId } from '#core/ids.ts'
import { cookieName } from '#http/cookie-name.ts'
import type { HttpExchange } from '#http/exchange.ts'
import type { Account } from '#store/ports/accounts.ts'
import type { PageContext } from '../pages/deps.ts'

/** Not the engine's login session: whoever changes factors has just shown who they are, and this is over soon. */
const COOKIE = '__Host-sallyport-account'
const SECONDS = 600
const CHARACTERS_MAX = 1_024

interface Kept {
  readonly subject: string
  readonly until: number
  readonly password: string
}

export function openAccountSession(
  { sealer, snapshots, clock }: PageContext,
  exchange: HttpExchange,
  { subject, passwordHash }: Pick<Account, 'subject' | 'passwordHash'>,
): void {
  const kept: Kept = { subject, until: clock.nowSeconds() + SECONDS, password: digestOf(passwordHash) }
  const sealed = sealer.seal(Buffer.from(JSON.stringify(kept)), placeOf(snapshots.current().tenant))
  const value = Buffer.from(sealed).toString('base64url')
  exchange.response.appendHeader(
    'set-cookie',
    `${cookieName(COOKIE, exchange.tenant)}=${value}; Path=/; Secure; HttpOnly; SameSite=Strict`,
  )
}

export function closeAccountSession(exchange: HttpExchange): void {
  exchange.response.appendHeader(
    'set-cookie',
    `${cookieName(COOKIE, exchange.tenant)}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0`,
  )
}

/** The account that logged in here minutes ago, if it is active and has the password it had then. */
export async function accountOfSession(context: PageContext, exchange: HttpExchange): Promise<Account | null> {
  const kept = readCookie(context, exchange)
  if (kept === null || kept.until <= context.clock.nowSeconds()) return null
  const account = await context.store.accounts.find(context.snapshots.current().tenant, asSubjectId(kept.subject))
  return account?.status === 'active' && digestOf(account.passwordHash) === kept.password ? account : null
}

function readCookie({ sealer, snapshots }: PageContext, { request, tenant }: HttpExchange): Kept | null {
  const name = cookieName(COOKIE, tenant)
  const values = (request.headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))
  const [value = ''] = values
  if (values.length !== 1 || value.length > CHARACTERS_MAX) return null
  try {
    const opened = sealer.open(Buffer.from(value, 'base64url'), placeOf(snapshots.current().tenant))
    return JSON.parse(Buffer.from(opened).toString('utf8')) as Kept // Sealed by `openAccountSession`.
  } catch {
    // Forged, cut short, or sealed under a key that is gone.
    return null
  }
}

function placeOf(tenant: string): string {
  return `${tenant}|accountSession`
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
