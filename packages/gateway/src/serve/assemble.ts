import { createAuditTrail } from '#audit/create-trail.ts'
import type { AuditTrail } from '#audit/trail.ts'
import { createClientRegistry } from '#authorization-server/clients/create-registry.ts'
import { createAuthorizationServer } from '#authorization-server/create.ts'
import { admitExternal } from '#authorization-server/external/admit-external.ts'
import { createLoginChecks } from '#authorization-server/login/provider/login-checks.ts'
import { createOpenProvider } from '#authorization-server/login/provider/open-provider.ts'
import { createPages } from '#authorization-server/pages/routes.ts'
import { openLogOperations } from '#control-plane/admin-api/open-log-operations.ts'
import { createAdminApi } from '#control-plane/admin-api/routes.ts'
import { listenOnSocket } from '#control-plane/admin-api/socket.ts'
import type { SnapshotHolder } from '#control-plane/configuration/holder.ts'
import type { LoadedConfiguration } from '#control-plane/configuration/load.ts'
import { systemClock } from '#core/clock.ts'
import type { Log } from '#core/log.ts'
import { systemRandom } from '#core/random.ts'
import { createMcpEndpoint } from '#data-plane/endpoint.ts'
import { createProtectedResourceMetadata } from '#data-plane/protected-resource-metadata.ts'
import { withCors } from '#http/cors.ts'
import type { Route } from '#http/exchange.ts'
import type { ListenerRefusal } from '#http/listener.ts'
import { createRouter, type Router } from '#http/router.ts'
import { createAccessTokenVerifier } from '#identity/access-tokens.ts'
import { createApiKeyVerifier } from '#identity/api-keys.ts'
import { chooseVerifier } from '#identity/choose-verifier.ts'
import { chooseByServer } from '#identity/external/choose-by-server.ts'
import { createExternalVerifier } from '#identity/external/external-tokens.ts'
import { createIssuerKeys } from '#identity/issuer-keys.ts'
import { createMemberships } from '#identity/memberships.ts'
import { startRevocations } from '#identity/revocations.ts'
import { createProofNonces, DPOP_NONCES } from '#identity/sender/proof-nonces.ts'
import { createSenderCheck } from '#identity/sender/sender-check.ts'
import { withServices } from '#identity/service-memberships.ts'
import { loadSigningKeys } from '#keys/signing-keys.ts'
import { fetchDocument } from '#net/fetch-document.ts'
import { openAuditLog } from './audit-log.ts'
import { startCheckingLogins } from './check-logins.ts'
import type { Closers } from './closers.ts'
import { heedOwnWrites } from './heed-own-writes.ts'
import { startHousekeeping } from './housekeeping.ts'
import { startNotingKeyUses } from './note-key-uses.ts'
import { openStoreSealer } from './open-keys.ts'
import { openStore } from './open-store.ts'
import { recordRefusals } from './record-refusals.ts'
import { recordStop } from './record-stop.ts'
import { joinReplicas } from './replica.ts'
import { startRotatingKeys } from './rotate-keys.ts'
import { startSettling } from './settling.ts'
import { issueSetupLink } from './setup-link.ts'
import { openStateFolder } from './state-folder.ts'
import { watchReplicas } from './watch-replicas.ts'

export interface AssemblyOptions {
  /** What it starts with; `openSnapshots` follows what comes after. */
  readonly first: LoadedConfiguration
  /** Its own folder of state. */
  readonly stateDir: string
  /** `PATH` of the programs that it starts. */
  readonly searchPath?: string
  readonly log: Log
  readonly openSnapshots: (audit: AuditTrail) => Promise<SnapshotHolder>
  /** What else is answered at its addresses. */
  readonly moreRoutes?: (parts: {
    readonly snapshots: SnapshotHolder
    readonly revocations: { isStale(): boolean }
  }) => readonly Route[]
  /** Adds what lets calls in to the closers; the answer opens it. Absent: somebody else's door leads here. */
  readonly makeDoor?: (inside: Inside, closers: Closers) => Promise<() => Promise<void>>
}

/** What a door leads to. */
export interface Inside {
  readonly router: Router
  /** The same without the pages for people. */
  readonly certificateRouter: Router
  readonly snapshots: SnapshotHolder
  readonly onRefused: (refusal: ListenerRefusal) => Promise<void>
  readonly onFailure: (requestId: string, cause: unknown) => void
}

export interface Assembly extends Pick<Inside, 'router' | 'certificateRouter' | 'snapshots'> {
  /** While nobody has an account: where the first one is created. */
  readonly setupLink: string | null
  /** Resolves when the state is gone though nobody closed it. */
  readonly lost: Promise<Error>
  /** False while revocations are not heard of, and nobody is let in. */
  isFeedFresh(): boolean
}

/**
 * Puts everything together that one issuer has: the gateway's own, or a tenant's. Nothing of it is shared with another: store, keys, caches, audit
 * log and configuration are its own, so that what one was given is not even known to the other. `openDoor` runs when all stands, before the
 * calls are let in.
 * @throws StoreInUse, StoreTooNew, StoreUnavailable, LogTampered, KeyMismatch
 */
export async function assemble(options: AssemblyOptions, closers: Closers): Promise<Assembly> {
  const { log, first } = options
  const clock = systemClock
  const random = systemRandom
  const onWriting = (cause: unknown) =>
    cause === null
      ? log.info('the audit log can be written again')
      : log.error('the audit log cannot be written; what needs a record is refused', { cause })
  const folder = await openStateFolder(options.stateDir)
  const tenant = first.snapshot.tenant
  const opened = await openStore(first.store, folder, tenant, log)
  const kept = closers.add('store', opened.store)
  const sealer = await openStoreSealer({ store: kept, folder, tenant, clock, random })
  // A store that several gateways use has to tell their calls apart; one that is ours alone need not.
  const isShared = first.store.kind === 'postgres'
  const replica = isShared
    ? await joinReplicas({ replicas: kept.replicas, tenant, file: folder.replica, clock, random, log })
    : null
  let areCallsSettled = false
  if (replica !== null) closers.add('replica', { close: () => replica.leave(areCallsSettled) })
  const audit = closers.add(
    'audit trail',
    createAuditTrail({
      port: kept.audit,
      sealer,
      clock,
      random,
      onWriting,
      ...(replica === null ? {} : { writer: replica }),
    }),
  )
  const snapshots = closers.add('configuration', await options.openSnapshots(audit))
  snapshots.onSwap(() => opened.follow(snapshots.loaded().store))
  const snapshot = snapshots.current()
  const { sequencer, signer } = await openAuditLog(kept, folder, tenant, { clock, random, log })
  closers.add('audit log', sequencer)
  const interrupted = { replicas: kept.replicas, port: kept.audit, trail: audit, sequencer, tenant, log }
  const settling = isShared ? watchReplicas({ ...interrupted, clock }) : await startSettling(interrupted)
  closers.add('calls of the last run', { close: async () => void (await settling.stop()) })

  const keys = await loadSigningKeys(kept.signingKeys, sealer, snapshot.tenant, clock, random, audit)
  const revocations = startRevocations({ feed: kept.feed, hints: kept.hints, clock })
  closers.add('revocations', { close: async () => revocations.stop() })
  await revocations.poll()
  const rotation = closers.add(
    'signing keys',
    await startRotatingKeys({
      keys,
      port: kept.signingKeys,
      sealer,
      tenant,
      audit,
      clock,
      snapshots,
      revocations,
      log,
    }),
  )
  const store = heedOwnWrites(
    kept,
    () => revocations.poll(),
    () => rotation.settled(),
  )
  const memberships = withServices(
    createMemberships({ accounts: store.accounts, logins: store.providerLogins, changes: revocations }),
    snapshots,
  )
  const verifier = createAccessTokenVerifier({
    keys,
    issuer: snapshot.publicUrl,
    tenant,
    store,
    revocations,
    clock,
  })
  const keyUses = startNotingKeyUses(kept.apiKeys, tenant, clock, log)
  closers.add('last uses of API keys', { close: () => keyUses.stop() })
  const apiKeys = createApiKeyVerifier({ tenant, store, revocations, tokens: verifier, clock, uses: keyUses })

  const issuerKeys = createIssuerKeys(fetchDocument, clock)
  const external = createExternalVerifier({
    snapshots,
    keys: issuerKeys,
    admit: (claims, place) => admitExternal(claims, place, { snapshots, store, audit, clock, random }),
    tokens: verifier,
    clock,
  })
  const doors = chooseByServer(snapshots, chooseVerifier(verifier, apiKeys), external)

  const senders = createSenderCheck({
    usedProofs: store.usedProofs,
    nonces: createProofNonces(sealer.deriveKey(DPOP_NONCES), clock),
    requiresNonce: () => snapshots.current().senders.requiresNonce,
    clock,
  })

  const onFailure = (requestId: string, cause: unknown) =>
    log.error('a request failed on our side', { requestId, cause })
  const registry = createClientRegistry({ store, snapshots, sealer, audit, clock, random })
  const openProvider = createOpenProvider(clock)
  const loginChecks = createLoginChecks({
    snapshots,
    store,
    sealer,
    audit,
    clock,
    openProvider,
    onSilent: (provider, cause) => log.warn('an identity provider could not be asked again', { provider, cause }),
  })
  const authorization = closers.add(
    'authorization server',
    createAuthorizationServer({
      accessTokens: verifier,
      loginChecks,
      doors,
      snapshots,
      store,
      sealer,
      keys,
      registry,
      audit,
      clock,
      random,
      onFailure,
    }),
  )
  const pages = createPages({
    interactions: authorization.interactions,
    snapshots,
    store,
    audit,
    clock,
    random,
    sealer,
    openProvider,
    onFailure,
  })
  const mcp = createMcpEndpoint({
    snapshots,
    verifier: doors,
    senders,
    memberships,
    revocations,
    audit,
    clock,
    random,
    sealer,
    stateDir: folder.path,
    log,
    ...(options.searchPath === undefined ? {} : { searchPath: options.searchPath }),
  })
  const admin = createAdminApi(
    {
      store,
      snapshots,
      audit,
      clock,
      random,
      log,
      logOperations: openLogOperations({ port: store.audit, tenant: snapshot.tenant, sequencer, signer, sealer }),
      configuration: { health: () => snapshots.health(), warnings: () => snapshots.loaded().warnings },
      identityTests: pages.identityTests,
    },
    { verifier, senders, memberships },
  )

  const current = () => snapshots.current()
  const isPage = (path: string) =>
    path === '/authorize' ||
    ['/oauth/authorize', '/device'].some((page) => path === page || path.startsWith(`${page}/`))
  const browserReadable = authorization.routes.filter(({ path }) => !isPage(path))
  const refusals = recordRefusals(audit, snapshots, onFailure)
  const forPrograms = [
    ...withCors([...browserReadable, ...createProtectedResourceMetadata({ snapshots }).routes, ...mcp.routes], current),
    ...admin.routes,
    ...(options.moreRoutes?.({ snapshots, revocations }) ?? []),
  ]
  const forPeople = [...authorization.routes.filter(({ path }) => isPage(path)), ...pages.routes]
  const router = createRouter([...forPrograms, ...forPeople], refusals.ofMethod)
  // A browser that is asked for a certificate asks its user.
  const certificateRouter = createRouter(forPrograms, refusals.ofMethod)
  await audit.record({
    tenant,
    activity: 'system.start',
    outcome: 'success',
    requestId: null,
    detail: { dangerousOptions: snapshot.dangerousOptions.join(' '), servers: snapshot.servers.size },
  })
  closers.add('record of the stop', {
    close: async () => {
      areCallsSettled = await recordStop(audit, tenant, settling, closers)
    },
  })
  // After it, so that both doors are shut before the stop is recorded.
  const socket = { routes: admin.localRoutes, stateDir: folder.path, clock, random, log }
  closers.add('admin socket', await listenOnSocket(socket))
  const routers = { router, certificateRouter }
  const openDoor = await options.makeDoor?.(
    { ...routers, snapshots, onRefused: refusals.ofListener, onFailure },
    closers,
  )
  closers.add('MCP endpoint', mcp)
  await openDoor?.()
  closers.add('login checks', startCheckingLogins(loginChecks, log))
  const stopHousekeeping = startHousekeeping({ store, tenant: snapshot.tenant, snapshots, audit, clock, log })
  closers.add('housekeeping', { close: async () => stopHousekeeping() })

  return {
    ...routers,
    snapshots,
    setupLink: await issueSetupLink(store, snapshot, clock, random),
    lost: kept.lost,
    isFeedFresh: () => !revocations.isStale(),
  }
}
