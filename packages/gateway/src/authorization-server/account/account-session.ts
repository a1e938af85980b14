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
  /** Whether more than the password was shown. */
  readonly isMultiFactor: boolean
}

export function openAccountSession(
  { sealer, snapshots, clock }: PageContext,
  exchange: HttpExchange,
  { subject, passwordHash }: Pick<Account, 'subject' | 'passwordHash'>,
  isMultiFactor: boolean,
): void {
  const kept: Kept = { subject, until: clock.nowSeconds() + SECONDS, password: digestOf(passwordHash), isMultiFactor }
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

/** Who logged in here minutes ago, with what. */
export interface AccountSession {
  readonly account: Account
  /** False: with the password alone, and the account had no factor when this was looked at. */
  readonly isMultiFactor: boolean
}

/**
 * If the account is active and has the password it had then. A session that began with the password alone is over once there is a second factor:
 * whoever did not show that one changes nothing.
 */
export async function accountSession(context: PageContext, exchange: HttpExchange): Promise<AccountSession | null> {
  const kept = readCookie(context, exchange)
  if (kept === null || kept.until <= context.clock.nowSeconds()) return null
  const account = await context.store.accounts.find(context.snapshots.current().tenant, asSubjectId(kept.subject))
  if (account?.status !== 'active' || digestOf(account.passwordHash) !== kept.password) return null
  if (kept.isMultiFactor) return { account, isMultiFactor: true }
  const { hasTotp, passkeys } = await context.store.factors.of(account.tenant, account.subject)
  return hasTotp || passkeys.length > 0 ? null : { account, isMultiFactor: false }
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
