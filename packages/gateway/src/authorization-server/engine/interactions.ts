import type { Interaction as PendingInteraction } from 'oidc-provider'
import type { AuditEvent } from '#audit/trail.ts'
import { acrOf } from '#core/acr.ts'
import { asClientId, asGrantId, asSubjectId } from '#core/ids.ts'
import { type Random, uuidv7 } from '#core/random.ts'
import type { ProtectedResource, Snapshot, SnapshotSource } from '#core/snapshot.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { findProtectedResource } from '#policy/admin-api.ts'
import { scopesAllowed } from '#policy/decide.ts'
import { type LoginFacts, scopesWithin } from '#policy/login-demands.ts'
import { splitScopes } from '#policy/scopes.ts'
import { SCOPES_UNKNOWN_PARAMETER } from '../authorize-parameters.ts'
import type { ResolvedClient } from '../clients/registry.ts'
import type { DeviceRequest } from '../device/device-request.ts'
import type { Decided, Interaction, Interactions, LoginOutcome } from '../interactions.ts'
import { grantSeconds, takesRefreshToken } from '../lifetimes.ts'
import { demandOfRequest } from '../request-demand.ts'
import { isScopeOf } from '../requested-scopes.ts'
import { INTERACTION_SECONDS } from './configuration.ts'
import type { Engine } from './create-engine.ts'
import { deviceRequestOf } from './device-hooks.ts'
import { isTimeKnownIn, loginIn, withLogin } from './login-mark.ts'
import { runUnit, type UnitDependencies, UnitOfWork } from './unit-of-work.ts'

/** One decision per interaction: the insert of this document decides between two submits of the same page. */
const DECISION_MODEL = 'InteractionDecision'

export interface InteractionsDependencies extends UnitDependencies {
  readonly snapshots: SnapshotSource
  readonly engineOf: (snapshot: Snapshot) => Engine
  readonly random: Random
}

/** What a pending interaction is about, with the client and the server as they are now. */
interface Matter {
  readonly pending: PendingInteraction
  readonly client: ResolvedClient
  readonly server: ProtectedResource
  /** Of a device that waits; null where a browser brings the answer. */
  readonly device: DeviceRequest | null
}

export function createInteractions(dependencies: InteractionsDependencies): Interactions {
  const { snapshots, engineOf, store, clock, random } = dependencies

  /** Runs one page's work on the interaction that this browser holds the cookie of; null for a stale or foreign one. */
  async function on<T>(
    exchange: HttpExchange,
    uid: string,
    work: (matter: Matter, unit: UnitOfWork, engine: Engine) => Promise<T | null>,
  ): Promise<T | null> {
    const snapshot = snapshots.current()
    const { requestId, clientAddress } = exchange
    const unit = new UnitOfWork(dependencies, { snapshot, endpoint: 'interaction', requestId, clientAddress })
    return runUnit(unit, async () => {
      const engine = engineOf(snapshot)
      const matter = await matterOf(await engine.interactionOf(exchange), uid, unit)
      return matter === null ? null : work(matter, unit, engine)
    })
  }

  return {
    load: (exchange, uid) => on(exchange, uid, describe),

    finishLogin: (exchange, { uid }, outcome) =>
      on(exchange, uid, async (matter, unit, engine) => {
        const { pending } = matter
        // Also from the consent page, to change the account. Whoever used this browser before is logged out, and the interaction is not theirs any more.
        await engine.endOtherLogin(exchange, outcome.subject)
        if (pending.session?.accountId !== outcome.subject) delete pending.session
        pending.result = { ...pending.lastSubmission, login: loginResult(outcome) }
        await pending.save(secondsLeft(pending, unit))
        unit.requireAccount(outcome.subject, outcome.passwordHash)
        if (outcome.loginId !== null) unit.requireLogin(outcome.loginId)
        const committed = await unit.commit([])
        if (committed.outcome === 'committed') return resumeUrl(pending, unit)
        await unit.recordRefusal(eventOf(matter, unit, { activity: 'login', reason: committed.outcome }))
        return null
      }),

    finishConsent: (exchange, { uid, client: shown }, scopes) =>
      on(exchange, uid, async (matter, unit, engine) => {
        const { pending, client, server } = matter
        // It has changed since the page that the person answered was made.
        if (client.description.digest !== shown.digest) return null
        const accountId = pending.session?.accountId
        if (pending.prompt.name !== 'consent' || accountId === undefined) return null
        const granted = [...new Set(scopes)]
        const account = await unit.storing(() => store.accounts.find(unit.snapshot.tenant, asSubjectId(accountId)))
        if (account === null || account.status !== 'active') return refuseConsent(matter, unit, 'accountNotActive')
        if (granted.length === 0) return refuseConsent(matter, unit, 'noScopeGranted')
        const allowed = scopesAllowed(unit.snapshot, account.roles, server)
        // The page offers only these; a form that holds others was not made by it.
        if (!granted.every((scope) => allowed.includes(scope))) return refuseConsent(matter, unit, 'scopeBeyondRole')

        const grantId = asGrantId(uuidv7(random, clock.nowMs()))
        const isRefreshed =
          client.metadata.grant_types.includes('refresh_token') && takesRefreshToken(server, granted, unit.snapshot)
        // Nothing outlives the login that allowed it.
        const login = await loginOf(pending, unit)
        const seconds = Math.min(grantSeconds(server, granted, unit.snapshot, isRefreshed), login.secondsLeft)
        if (seconds <= 0) return refuseConsent(matter, unit, 'loginOver')
        // As of when the person was asked: reading the page takes its time.
        const within = scopesWithin(granted, server, login.facts, unit.snapshot, askedAt(pending))
        if (within.length < granted.length) return refuseConsent(matter, unit, 'loginInsufficient')
        const grant = { grantId, clientId: client.clientId, resource: server.resource, scopes: granted }
        await engine.saveGrant({ ...grant, accountId, seconds })
        if (login.loginId !== null) unit.requireLogin(login.loginId)
        unit.openGrant({
          ...grant,
          tenant: unit.snapshot.tenant,
          subject: account.subject,
          server: server.id,
          createdAt: unit.now,
          expiresAt: unit.now + seconds,
          loginId: login.loginId,
        })
        const asked = splitScopes(pending.params['scope'])
        // The token carries what was requested and granted; the person's choice replaces the request, be it more or less.
        pending.params['scope'] = granted.join(' ')
        pending.result = { ...pending.lastSubmission, consent: { grantId } }
        const event = { ...eventOf(matter, unit, { activity: 'consent', reason: null }), grantId, scopesAsked: asked }
        return decide(matter, unit, 'allowed', { ...event, scopesGranted: granted })
      }),

    deny: (exchange, { uid }) =>
      on(exchange, uid, async (matter, unit) => refuseConsent(matter, unit, 'deniedByPerson')),
  }
}

/** Null unless the cookie names exactly this interaction and what it is about still exists. */
async function matterOf(pending: PendingInteraction | null, uid: string, unit: UnitOfWork): Promise<Matter | null> {
  const clientId = pending?.params['client_id']
  if (pending === null || pending.uid !== uid || clientId === undefined) return null
  const resolution = await unit.resolveClient(clientId)
  if (resolution.kind !== 'active') return null
  const server = findProtectedResource(pending.params['resource'], unit.snapshot)
  if (server === null) return null
  if (pending.deviceCode === undefined) return { pending, client: resolution.client, server, device: null }
  const device = deviceRequestOf(await unit.find('DeviceCode', pending.deviceCode))
  return device === null ? null : { pending, client: resolution.client, server, device }
}

async function describe({ pending, client, server, device }: Matter, unit: UnitOfWork): Promise<Interaction | null> {
  const { name } = pending.prompt
  const redirectUri = pending.params['redirect_uri'] ?? null
  if ((name !== 'login' && name !== 'consent') || (redirectUri === null) === (device === null)) return null
  const subject = pending.session?.accountId
  const scopesRequested = splitScopes(pending.params['scope']).filter((scope) => isScopeOf(scope, server))
  return {
    uid: pending.uid,
    prompt: name,
    clientId: asClientId(client.clientId),
    client: client.description,
    redirectUri,
    device,
    server,
    scopesRequested,
    demand: demandOfRequest(pending.params, server, unit.snapshot),
    login: subject === undefined ? null : (await loginOf(pending, unit)).facts,
    scopesUnknown: splitScopes(pending.params[SCOPES_UNKNOWN_PARAMETER]),
    subject: name === 'login' || subject === undefined ? null : asSubjectId(subject),
  }
}

/** RFC 6749 §4.1.2.1. The client learns that access was denied; why is in the audit log. */
function refuseConsent(matter: Matter, unit: UnitOfWork, reason: string): Promise<Decided | null> {
  const { pending } = matter
  const event = eventOf(matter, unit, { activity: 'consent', reason })
  const scopesAsked = splitScopes(pending.params['scope'])
  pending.result = { error: 'access_denied', error_description: 'The person did not give access' }
  return decide(matter, unit, 'denied', { ...event, scopesAsked })
}

/**
 * Stores the decision, once. A second submit of the same page changes nothing and hears what the first one decided. Null when an account,
 * client or interaction ended this moment: nothing changed, and there is nothing to go on with.
 */
async function decide(
  matter: Matter,
  unit: UnitOfWork,
  decision: Decided['decision'],
  event: AuditEvent,
): Promise<Decided | null> {
  const { pending } = matter
  const seconds = secondsLeft(pending, unit)
  unit.put('insert', DECISION_MODEL, pending.uid, { decision }, seconds)
  await pending.save(seconds)
  const committed = await unit.commit([event])
  if (committed.outcome === 'committed') return { decision, resumeUrl: resumeUrl(pending, unit) }
  await unit.recordRefusal(eventOf(matter, unit, { activity: 'consent', reason: committed.outcome }))
  if (committed.outcome !== 'duplicate') return null
  const first = (await unit.again().find(DECISION_MODEL, pending.uid))?.['decision']
  return first === 'allowed' || first === 'denied' ? { decision: first, resumeUrl: resumeUrl(pending, unit) } : null
}

/** `reason` is why it was refused, null when it was not. */
function eventOf(
  { pending, client, server }: Matter,
  unit: UnitOfWork,
  { activity, reason }: { readonly activity: 'login' | 'consent'; readonly reason: string | null },
): AuditEvent {
  const subject = pending.session?.accountId
  return {
    tenant: unit.snapshot.tenant,
    activity,
    outcome: reason === null ? 'success' : 'refused',
    ...(reason === null ? {} : { reason }),
    requestId: unit.requestId,
    clientId: client.clientId,
    server: server.id,
    decision: { config: unit.snapshot.version },
    ...(subject === undefined ? {} : { subject: asSubjectId(subject) }),
  }
}

function loginResult(outcome: LoginOutcome): Record<string, unknown> {
  const { subject, authTime, amr } = outcome
  return { accountId: subject, ts: authTime, amr: withLogin(amr, outcome), acr: acrOf(amr), remember: true }
}

function resumeUrl({ uid, deviceCode }: PendingInteraction, { snapshot }: UnitOfWork): string {
  const path = deviceCode === undefined ? '/oauth/authorize' : '/device'
  return `${snapshot.publicUrl}${path}/${encodeURIComponent(uid)}`
}

/** The login that the person decides in, by how long it still vouches for anything; 0 where it is gone. */
async function loginOf(
  { session }: PendingInteraction,
  unit: UnitOfWork,
): Promise<{ readonly loginId: string | null; readonly secondsLeft: number; readonly facts: LoginFacts }> {
  const login = session?.uid === undefined ? undefined : await unit.findByUid('Session', session.uid)
  const since = login?.['loginTs']
  const loginId = loginIn(login?.['amr'])
  const acr = login?.['acr']
  const facts = {
    acr: typeof acr === 'string' ? acr : null,
    authTime: typeof since === 'number' ? since : null,
    isTimeKnown: isTimeKnownIn(login?.['amr']),
  }
  if (typeof since !== 'number') return { loginId, secondsLeft: 0, facts }
  const secondsLeft = since + unit.snapshot.lifetimes.loginSessionSeconds - unit.now
  if (loginId === null) return { loginId, secondsLeft, facts }
  const elsewhere = await unit.findLiveLogin(loginId)
  const left = elsewhere === null ? 0 : Math.min(secondsLeft, elsewhere.expiresAt - unit.now)
  return { loginId, secondsLeft: left, facts }
}

/** When the interaction began. */
function askedAt({ exp }: PendingInteraction): number {
  return exp - INTERACTION_SECONDS
}

function secondsLeft(pending: PendingInteraction, unit: UnitOfWork): number {
  return Math.max(1, pending.exp - unit.now)
}
