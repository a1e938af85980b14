import type { AuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import type { Snapshot, SnapshotSource } from '#core/snapshot.ts'
import { cookieName } from '#http/cookie-name.ts'
import type { HttpExchange, Route } from '#http/exchange.ts'
import { readForm } from '#http/form.ts'
import { pageHeaders } from '#http/page-headers.ts'
import { sendEmpty, sendHtml } from '#http/respond.ts'
import type { Store } from '#store/ports/store.ts'
import { SESSION_COOKIE } from '../engine/configuration.ts'
import type { UnitOfWork } from '../engine/unit-of-work.ts'
import { errorPage } from '../pages/error-page.ts'
import { postIsFromOurPage } from '../pages/same-origin.ts'
import { sayPlainly } from '../pages/say.ts'
import { userCodeDraws } from './user-code-limits.ts'

const SESSION_CHARACTERS_MAX = 256
const USER_CODE_CHARACTERS_MAX = 64

export interface DeviceEndpointDependencies {
  readonly snapshots: SnapshotSource
  readonly store: Pick<Store, 'limits'>
  readonly audit: AuditTrail
  readonly clock: Clock
  /** False when too much was begun from there, or nothing can be, and the exchange has been answered. */
  readonly mayBegin: (exchange: HttpExchange, snapshot: Snapshot) => Promise<boolean>
  /** Runs the engine's endpoint at this path, with these form fields, or without a form. */
  readonly run: (
    exchange: HttpExchange,
    snapshot: Snapshot,
    request: { readonly endpoint: UnitOfWork['endpoint']; readonly path: string; readonly typed: string | null },
    form: URLSearchParams | null,
  ) => Promise<void>
  /** Whether this browser has a session with the engine: without one there is no secret for its form to carry. */
  readonly hasSession: (exchange: HttpExchange, snapshot: Snapshot) => Promise<boolean>
  readonly onStoreFailure: (exchange: HttpExchange, cause: unknown) => void
}

/**
 * `P/device`, where a person enters the code that their device shows (RFC 8628 §3.3). The engine keeps the form's secret in the browser's
 * session; here is decided what reaches it, and how often codes may be tried.
 */
export function deviceRoutes(dependencies: DeviceEndpointDependencies): Route[] {
  const { snapshots, run, mayBegin } = dependencies

  const show: Route['handler'] = async (exchange) => {
    if (refusedHead(exchange)) return
    const snapshot = snapshots.current()
    if (!(await mayBegin(exchange, snapshot))) return
    // A code in the link (`verification_uri_complete`) only fills the field in: who follows it still has to look and confirm.
    const typed = exchange.query.get('user_code')?.slice(0, USER_CODE_CHARACTERS_MAX) ?? null
    await run(exchange, snapshot, { endpoint: 'device', path: '/device', typed }, null)
  }

  const submit: Route['handler'] = async (exchange) => {
    const snapshot = snapshots.current()
    if (!postIsFromOurPage(exchange.request.headers, snapshot.publicUrl))
      return await refuse(dependencies, exchange, 'formFromElsewhere', 403, 'forged')
    const read = await readForm(exchange.request)
    if (!read.ok) return await refuse(dependencies, exchange, 'malformedBody', read.refusal.status, 'form')
    const typed = read.value.get('user_code')?.slice(0, USER_CODE_CHARACTERS_MAX) ?? ''
    try {
      const session = sessionOf(exchange)
      const draws = userCodeDraws(exchange.clientAddress, session)
      const limit = await dependencies.store.limits.draw(snapshot.tenant, draws, dependencies.clock.nowMs())
      if (limit.kind === 'exceeded') return await throttle(dependencies, exchange, limit.retryAfterSeconds)
      if (!(await dependencies.hasSession(exchange, snapshot)))
        return await refuse(dependencies, exchange, 'sessionMissing', 422, 'again')
    } catch (cause) {
      return dependencies.onStoreFailure(exchange, cause)
    }
    await run(exchange, snapshot, { endpoint: 'device', path: '/device', typed }, fieldsOf(read.value, typed))
  }

  const resume: Route['handler'] = async (exchange, { uid = '' }) => {
    if (refusedHead(exchange)) return
    const path = `/device/${encodeURIComponent(uid)}`
    await run(exchange, snapshots.current(), { endpoint: 'deviceResume', path, typed: null }, null)
  }

  return [
    { method: 'GET', path: '/device', handler: show },
    { method: 'POST', path: '/device', handler: submit },
    { method: 'GET', path: '/device/:uid', handler: resume },
  ]
}

function fieldsOf(form: URLSearchParams, typed: string): URLSearchParams {
  const fields = new URLSearchParams({ xsrf: form.get('xsrf') ?? '', user_code: typed })
  const decision = form.get('decision')
  // Anything else is no decision: the person is asked again.
  if (decision === 'confirm' || decision === 'abort') fields.set(decision, 'yes')
  return fields
}

function throttle(
  dependencies: DeviceEndpointDependencies,
  exchange: HttpExchange,
  retryAfterSeconds: number,
): Promise<void> {
  exchange.response.setHeader('retry-after', String(retryAfterSeconds))
  return refuse(dependencies, exchange, 'userCodesTooMany', 429, 'throttled')
}

const PAGES = {
  forged: { title: 'error.forged.title', what: 'error.forged.what', do: 'error.forged.do' },
  form: { title: 'error.form.title', what: 'error.forged.what', do: 'error.form.do' },
  again: { title: 'error.expired.title', what: 'device.again', do: 'device.againDo' },
  throttled: { title: 'device.throttledTitle', what: 'device.throttled', do: 'device.throttledDo' },
} as const

async function refuse(
  { audit, snapshots }: DeviceEndpointDependencies,
  exchange: HttpExchange,
  reason: string,
  status: number,
  page: keyof typeof PAGES,
): Promise<void> {
  const { requestId, clientAddress } = exchange
  const { tenant } = snapshots.current()
  const detail = { endpoint: 'device', status }
  const event = { tenant, activity: 'request.refused', outcome: 'refused', reason, requestId, detail } as const
  await audit.refusedUnauthenticated(event, clientAddress)
  const html = errorPage({
    title: sayPlainly(PAGES[page].title),
    whatHappened: sayPlainly(PAGES[page].what),
    whatToDo: sayPlainly(PAGES[page].do),
    requestId,
  })
  sendHtml(exchange.response, status, html, pageHeaders())
}

/** The session with the engine that this browser says it has, whether or not there is one. */
function sessionOf({ request, tenant }: HttpExchange): string | null {
  const start = `${cookieName(SESSION_COOKIE, tenant)}=`
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim())
  const value = pairs.find((pair) => pair.startsWith(start))?.slice(start.length) ?? ''
  return value === '' ? null : value.slice(0, SESSION_CHARACTERS_MAX)
}

/** The router answers HEAD by GET's handler; looking must not begin or end anything. */
function refusedHead({ request, response }: HttpExchange): boolean {
  if (request.method !== 'HEAD') return false
  sendEmpty(response, 405, { allow: 'GET' })
  return true
}
