import type { Context, Session } from 'oidc-provider'
import { pageHeaders } from '#http/page-headers.ts'
import { findProtectedResource } from '#policy/admin-api.ts'
import { type CodeProblem, codePage, confirmPage, devicePage } from '../device/device-pages.ts'
import type { DeviceRequest } from '../device/device-request.ts'
import { currentUnit } from './unit-of-work.ts'

/** How long a device's code lives, in seconds: a person has to find a browser and may have to log in. */
export const DEVICE_CODE_SECONDS = 600
/** RFC 8628 §6.1: eight letters without vowels, about 34 bits; `user-code-limits.ts` says what that is worth. */
const USER_CODE_CHARSET = 'base-20'
const USER_CODE_MASK = '****-****'

/** The engine's device flow with our pages, which need no script. */
export const deviceFlow: object = {
  enabled: true,
  charset: USER_CODE_CHARSET,
  mask: USER_CODE_MASK,
  deviceInfo: () => {
    const unit = currentUnit()
    return { address: unit.clientAddress, requestedAt: unit.now }
  },
  userCodeInputSource: async (context: Context, _form: string, _out?: object, error?: Error) =>
    showCodePage(context, error),
  userCodeConfirmSource: async (context: Context) => showConfirmPage(context),
  successSource: async (context: Context) => show(context, 200, devicePage('connected')),
}

/** What the device told of itself, as it was kept with its code. */
export function deviceRequestOf(document: Readonly<Record<string, unknown>> | undefined): DeviceRequest | null {
  const { userCode, deviceInfo } = document ?? {}
  if (typeof userCode !== 'string' || typeof deviceInfo !== 'object' || deviceInfo === null) return null
  const { address, requestedAt } = deviceInfo as Readonly<Record<string, unknown>>
  if (typeof address !== 'string' || typeof requestedAt !== 'number') return null
  return { userCode: `${userCode.slice(0, 4)}-${userCode.slice(4)}`, address, requestedAt }
}

const PROBLEMS: Readonly<Record<string, CodeProblem>> = {
  NoCodeError: 'missing',
  NotFoundError: 'unknown',
  AlreadyUsedError: 'unknown',
  ExpiredError: 'expired',
}

function showCodePage(context: Context, error: Error | undefined): void {
  const unit = currentUnit()
  if (error?.name === 'AbortedError') {
    show(context, 200, devicePage('denied'))
    return
  }
  const known = error === undefined ? null : (PROBLEMS[error.name] ?? 'again')
  // The engine does not tell refusals of these apart from pages; the log does.
  if (known === 'unknown' || known === 'expired')
    unit.refusal ??= { code: 'invalid_request', description: null, detail: null, reason: REASONS[known] }
  const { publicUrl } = unit.snapshot
  const page = codePage({ publicUrl, xsrf: xsrfOf(context), typed: unit.typedUserCode ?? '', problem: known })
  show(context, known === null ? 200 : 422, page)
}

const REASONS = { unknown: 'userCodeUnknown', expired: 'userCodeExpired' } as const

function showConfirmPage(context: Context): void {
  const unit = currentUnit()
  const { snapshot, now } = unit
  const document = context.oidc?.entities.DeviceCode
  const request = deviceRequestOf(document as Readonly<Record<string, unknown>> | undefined)
  const resolution = unit.clientSeen(document?.clientId ?? '')
  const server = findProtectedResource(document?.params?.['resource'], snapshot)
  // What it was for is gone meanwhile.
  if (request === null || server === null || resolution?.kind !== 'active') {
    showGone(context)
    return
  }
  const { description: client } = resolution.client
  const { publicUrl } = snapshot
  show(context, 200, confirmPage({ publicUrl, xsrf: xsrfOf(context), client, server, request, nowSeconds: now }))
}

function showGone(context: Context): void {
  const { publicUrl } = currentUnit().snapshot
  show(context, 422, codePage({ publicUrl, xsrf: xsrfOf(context), typed: '', problem: 'unknown' }))
}

function xsrfOf(context: Context): string {
  const session: Session | undefined = context.oidc?.session
  const secret = session?.state?.secret
  if (secret === undefined) throw new Error('a form without a secret of its session')
  return secret
}

/** Also for an answer whose commit failed. */
export function show(context: Context, status: number, page: string): void {
  context.res.removeHeader('location')
  context.status = status
  for (const [name, value] of Object.entries(pageHeaders())) context.set(name, String(value))
  context.type = 'html'
  context.body = page
}
