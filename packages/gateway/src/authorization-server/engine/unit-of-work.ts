import { AsyncLocalStorage } from 'node:async_hooks'
import type { Payload } from 'oidc-provider'
import type { AuditEvent, AuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import { asClientId, asGrantId, type ClientId, type GrantId, type RequestId, type SubjectId } from '#core/ids.ts'
import { certificateIsInForce, type PresentedCertificate } from '#core/presented-certificate.ts'
import type { Snapshot } from '#core/snapshot.ts'
import type { DpopProof } from '#identity/sender/dpop-proof.ts'
import type { Sealer } from '#keys/sealer.ts'
import type { EngineCommit, EngineDocument, EngineOperation, KeptReply } from '#store/ports/engine.ts'
import type { NewGrant } from '#store/ports/grants.ts'
import type { ProviderLogin } from '#store/ports/provider-logins.ts'
import type { Store } from '#store/ports/store.ts'
import type { AdmittedWorkload } from '../assertions/admit-workload.ts'
import type { ClientRegistry, ClientResolution } from '../clients/registry.ts'
import type { DirectIssue } from '../grants/direct-issue.ts'
import { documentOf, payloadOf, storedId, storedUserCode } from './documents.ts'

export type Endpoint =
  | 'authorize'
  | 'resume'
  | 'par'
  | 'deviceAuthorization'
  | 'device'
  | 'deviceResume'
  | 'token'
  | 'revoke'
  | 'interaction'

export interface UnitDependencies {
  readonly store: Store
  readonly sealer: Sealer
  readonly registry: ClientRegistry
  readonly audit: AuditTrail
  readonly clock: Clock
}

/** A code or refresh token that was found already used: the request repeats it, and its family must die (RFC 9700 §4.14.2). */
export interface Replay {
  readonly model: string
  readonly grantId: GrantId
}

/** The engine's error: the OAuth code, what the client is told, and what only we know. */
export interface EngineRefusal {
  readonly code: string
  readonly description: string | null
  readonly detail: string | null
  /** For the audit record, where the refusal is ours and not the engine's. */
  readonly reason?: string
}

const ONCE_ONLY: ReadonlySet<string> = new Set(['AuthorizationCode', 'RefreshToken', 'DeviceCode'])

/** What a request decides on and writes again afterwards: it must still be there at the commit, or the write would bring it back. */
const RELIED_ON: ReadonlySet<string> = new Set(['Session', 'Interaction'])

/**
 * Everything one request changes. The engine reads and writes document by document; here its writes wait, later reads of the same request
 * see them, and one `commit` stores them together with their audit entries, before a byte of the answer leaves. Two requests that redeem
 * the same token therefore meet in the store's conditional consume, not in the engine's find-then-consume.
 */
export class UnitOfWork {
  readonly snapshot: Snapshot
  readonly endpoint: Endpoint
  readonly requestId: RequestId
  readonly clientAddress: string
  readonly isRepeat: boolean
  /** The DPoP proof of a token request; well-formed, and verified by nobody yet. */
  readonly proof: DpopProof | null
  /** The certificate of the client's connection, if it is in force now. */
  readonly certificate: PresentedCertificate | null
  /** Where the client's secret came, if one did (RFC 6749 §2.3.1). */
  readonly secretIn: 'header' | 'body' | null
  /** The device code that a person typed or followed a link with; to be shown again, and for nothing else. */
  readonly typedUserCode: string | null
  /** The workload whose assertion came with the request, verified. */
  readonly workload: AdmittedWorkload | null
  readonly operations: EngineOperation[] = []
  /** Set when the store could not be used: the answer is 503, whatever the engine makes of it. */
  storeFailure: unknown = null
  /** Set when the engine failed in a way that is a bug. */
  failure: unknown = null
  refusal: EngineRefusal | null = null
  replay: Replay | null = null
  /** What a grant without a person at a browser was decided to give. */
  direct: DirectIssue | null = null
  /** Set when another request ended the login or interaction that this one had read: nothing was stored, and it may be tried again. */
  isOvertaken = false

  readonly #dependencies: UnitDependencies
  readonly #overlay = new Map<string, Payload | null>()
  readonly #grantOf = new Map<string, GrantId>()
  readonly #revoked = new Set<string>()
  readonly #clients = new Map<ClientId, ClientResolution>()
  readonly #reliedOn = new Map<string, EngineOperation>()

  constructor(
    dependencies: UnitDependencies,
    request: {
      readonly snapshot: Snapshot
      readonly endpoint: Endpoint
      readonly requestId: RequestId
      readonly clientAddress: string
      readonly proof?: DpopProof | null
      readonly certificate?: PresentedCertificate | null
      readonly secretIn?: 'header' | 'body' | null
      readonly typedUserCode?: string | null
      readonly workload?: AdmittedWorkload | null
    },
    /** The second and last attempt at a request that was overtaken. */
    isRepeat = false,
  ) {
    this.isRepeat = isRepeat
    this.#dependencies = dependencies
    this.snapshot = request.snapshot
    this.endpoint = request.endpoint
    this.requestId = request.requestId
    this.clientAddress = request.clientAddress
    this.proof = request.proof ?? null
    this.secretIn = request.secretIn ?? null
    this.typedUserCode = request.typedUserCode ?? null
    this.workload = request.workload ?? null
    const certificate = request.certificate ?? null
    this.certificate = certificate !== null && certificateIsInForce(certificate, this.now) ? certificate : null
  }

  get now(): number {
    return this.#dependencies.clock.nowSeconds()
  }

  /** A new unit for the same request, which has read nothing yet. */
  again(): UnitOfWork {
    return new UnitOfWork(this.#dependencies, this, true)
  }

  /** Resolved once per request, so that every step of it judges the same client. */
  async resolveClient(id: string): Promise<ClientResolution> {
    const clientId = asClientId(id)
    const known = this.#clients.get(clientId)
    if (known !== undefined) return known
    const resolution = await this.storing(() =>
      this.#dependencies.registry.resolve(clientId, this.requestId, this.clientAddress),
    )
    this.#clients.set(clientId, resolution)
    return resolution
  }

  /** What `resolveClient` answered earlier in this request, or null. */
  clientSeen(id: string): ClientResolution | null {
    return this.#clients.get(asClientId(id)) ?? null
  }

  async find(model: string, id: string): Promise<Payload | undefined> {
    const key = storedId(model, id)
    const waiting = this.#overlay.get(place(model, key))
    if (waiting !== undefined) return waiting === null || this.#isRevoked(waiting) ? undefined : { ...waiting, jti: id }
    const { store, sealer } = this.#dependencies
    const document = await this.storing(() => store.engine.find(this.snapshot.tenant, model, key, this.now))
    if (document === null || (document.grantId !== null && this.#revoked.has(document.grantId))) return undefined
    this.#rely(model, key)
    if (document.grantId !== null) {
      this.#grantOf.set(place(model, key), asGrantId(document.grantId))
      if (document.consumedAt !== null && ONCE_ONLY.has(model)) {
        this.replay = { model, grantId: asGrantId(document.grantId) }
      }
    }
    return payloadOf({ tenant: this.snapshot.tenant, sealer }, document, id)
  }

  async findByUid(model: string, uid: string): Promise<Payload | undefined> {
    for (const [key, waiting] of this.#overlay) {
      if (key.startsWith(`${model} `) && waiting?.['uid'] === uid) return waiting
    }
    const { store, sealer } = this.#dependencies
    const document = await this.storing(() => store.engine.findByUid(this.snapshot.tenant, model, uid, this.now))
    if (document === null || this.#overlay.get(place(model, document.id)) === null) return undefined
    this.#rely(model, document.id)
    return payloadOf({ tenant: this.snapshot.tenant, sealer }, document, null)
  }

  async findByUserCode(model: string, userCode: string): Promise<Payload | undefined> {
    const { store, sealer } = this.#dependencies
    const { tenant } = this.snapshot
    const key = storedUserCode(sealer, tenant, userCode)
    const document = await this.storing(() => store.engine.findByUserCode(tenant, model, key, this.now))
    if (document === null || (document.grantId !== null && this.#revoked.has(document.grantId))) return undefined
    return payloadOf({ tenant, sealer }, document, null)
  }

  put(kind: 'upsert' | 'insert', model: string, id: string, payload: Payload, expiresIn: number | undefined): void {
    const { sealer } = this.#dependencies
    const document = documentOf({ tenant: this.snapshot.tenant, sealer, now: this.now }, model, id, payload, expiresIn)
    this.operations.push({ kind, document })
    this.#overlay.set(place(model, document.id), payload)
  }

  /** What this request will be answered is kept with the refresh token that it uses up. */
  keepReply(refreshToken: string, reply: KeptReply): void {
    const id = storedId('RefreshToken', refreshToken)
    const at = this.operations.findIndex(
      (one) => one.kind === 'consume' && one.model === 'RefreshToken' && one.id === id,
    )
    const operation = this.operations[at]
    if (operation?.kind !== 'consume') throw new Error('a reply is kept for a refresh token that is not used')
    this.operations[at] = { ...operation, reply }
  }

  /** A refresh token as it stands in the store now, used or not; null if there is none. */
  async findRefreshToken(refreshToken: string): Promise<EngineDocument | null> {
    const id = storedId('RefreshToken', refreshToken)
    return this.storing(() => this.#dependencies.store.engine.find(this.snapshot.tenant, 'RefreshToken', id, this.now))
  }

  consume(model: string, id: string): void {
    this.operations.push({ kind: 'consume', model, id: storedId(model, id), at: this.now })
  }

  destroy(model: string, id: string): void {
    const key = storedId(model, id)
    this.operations.push({ kind: 'destroy', model, id: key })
    this.#overlay.set(place(model, key), null)
  }

  /** The engine revokes a grant model by model; the first of these calls does all of it. */
  revokeGrant(grantId: string, cause: string): void {
    if (this.#revoked.has(grantId)) return
    this.#revoked.add(grantId)
    this.operations.push({ kind: 'revokeGrant', grantId: asGrantId(grantId), cause, at: this.now })
  }

  openGrant(grant: NewGrant): void {
    this.operations.push({ kind: 'openGrant', grant: { ...grant, clientDigest: this.#digestOf(grant.clientId) } })
  }

  /** The login at an identity provider, if it vouches for anything now. */
  async findLiveLogin(loginId: string): Promise<ProviderLogin | null> {
    const { store } = this.#dependencies
    const login = await this.storing(() => store.providerLogins.find(this.snapshot.tenant, loginId))
    if (login === null || login.endedAt !== null || login.suspendedAt !== null || login.expiresAt <= this.now)
      return null
    // Whom the configuration no longer trusts vouches for nobody.
    return this.snapshot.identityProviders.get(login.provider)?.issuer === login.issuer ? login : null
  }

  /** The commit fails with `loginEnded` if the login at an identity provider has ended by then. */
  requireLogin(loginId: string): void {
    this.operations.unshift({ kind: 'requireLogin', loginId, at: this.now })
  }

  /** The commit fails with `accountChanged` if the account was disabled or got another password since this one was checked. */
  requireAccount(subject: SubjectId, passwordHash: string): void {
    this.operations.unshift({ kind: 'requireAccount', subject, passwordHash })
  }

  /**
   * The commit fails with `grantNotLive` if the grant has been revoked or has expired by then, and with `clientChanged` if the client of
   * this request is not what the person consented to.
   */
  requireLiveGrant(grantId: string): void {
    this.operations.unshift(this.liveGrant(grantId))
  }

  /** That requirement, for a commit of its own. */
  liveGrant(grantId: string): EngineOperation {
    // One client speaks per request; a digest that none of those seen has matches no grant that has one.
    const [clientDigest = null] = [...this.#clients.keys()]
      .map((id) => this.#digestOf(id))
      .filter((one) => one !== null)
    return { kind: 'requireLiveGrant', grantId: asGrantId(grantId), at: this.now, clientDigest }
  }

  /** The grant of a document that this request has read. `id` is the stored one, as the commit names it. */
  grantOfStored(model: string, id: string): GrantId | null {
    return this.#grantOf.get(place(model, id)) ?? null
  }

  /** Stores everything that waits, with these events, if what this request read is still there. Anything but `committed` stored nothing. */
  async commit(events: readonly AuditEvent[]): Promise<EngineCommit> {
    if (this.operations.length === 0) return this.commitOnly(events, [])
    // Whoever ends a subject or client holds accounts and grants before documents. In the same order, two of us wait for each other's end
    // one after the other, and never each for the other.
    const authority = this.operations.filter(isAboutAuthority)
    const others = this.operations.filter((operation) => !isAboutAuthority(operation))
    return this.commitOnly(events, [...authority, ...this.#reliedOn.values(), ...others])
  }

  /** Stores these operations and events and nothing else of what waits. */
  async commitOnly(events: readonly AuditEvent[], operations: readonly EngineOperation[]): Promise<EngineCommit> {
    const { store, audit } = this.#dependencies
    if (operations.length === 0 && events.length === 0) return { outcome: 'committed' }
    return this.storing(() =>
      store.engine.commit(
        this.snapshot.tenant,
        operations,
        events.map((event) => audit.entry(event)),
      ),
    )
  }

  /** Records a refusal that changes nothing. Identical ones are coalesced, so that a flood cannot fill the log. */
  async recordRefusal(event: AuditEvent): Promise<void> {
    await this.storing(() => this.#dependencies.audit.refusedUnauthenticated(event, this.clientAddress))
  }

  /** Notes that the store failed, so that the answer becomes 503. */
  async storing<T>(use: () => Promise<T>): Promise<T> {
    try {
      return await use()
    } catch (cause) {
      this.storeFailure ??= cause
      throw cause
    }
  }

  #digestOf(clientId: ClientId): string | null {
    const resolution = this.#clients.get(clientId)
    return resolution?.kind === 'active' ? resolution.client.description.digest : null
  }

  #rely(model: string, id: string): void {
    if (!RELIED_ON.has(model)) return
    this.#reliedOn.set(place(model, id), { kind: 'requireDocument', model, id, at: this.now })
  }

  #isRevoked(payload: Payload): boolean {
    return typeof payload['grantId'] === 'string' && this.#revoked.has(payload['grantId'])
  }
}

const AUTHORITY: ReadonlySet<EngineOperation['kind']> = new Set([
  'requireLogin',
  'requireAccount',
  'requireLiveGrant',
  'openGrant',
])

function isAboutAuthority({ kind }: EngineOperation): boolean {
  return AUTHORITY.has(kind)
}

const units = new AsyncLocalStorage<UnitOfWork>()

export function runUnit<T>(unit: UnitOfWork, work: () => Promise<T>): Promise<T> {
  return units.run(unit, work)
}

/** The unit of the request under way. Without one nothing could be committed, so the engine must not run: throws. */
export function currentUnit(): UnitOfWork {
  const unit = units.getStore()
  if (unit === undefined) throw new Error('the engine ran outside of a request')
  return unit
}

function place(model: string, storedId: string): string {
  return `${model} ${storedId}`
}
