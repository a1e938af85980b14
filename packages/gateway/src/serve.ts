import { createAuditTrail } from '#audit/create-trail.ts'
import { createClientRegistry } from '#authorization-server/clients/create-registry.ts'
import { createAuthorizationServer } from '#authorization-server/create.ts'
import { admitExternal } from '#authorization-server/external/admit-external.ts'
import { createLoginChecks } from '#authorization-server/login/provider/login-checks.ts'
import { createOpenProvider } from '#authorization-server/login/provider/open-provider.ts'
import { createPages } from '#authorization-server/pages/routes.ts'
import { openLogOperations } from '#control-plane/admin-api/open-log-operations.ts'
import { createAdminApi } from '#control-plane/admin-api/routes.ts'
import { listenOnSocket } from '#control-plane/admin-api/socket.ts'
import { openSnapshotHolder, type SnapshotHolder } from '#control-plane/configuration/holder.ts'
import { type LoadedConfiguration, type LoadOptions, loadConfiguration } from '#control-plane/configuration/load.ts'
import { type ConfigurationProblem, printProblem } from '#control-plane/configuration/problem.ts'
import { systemClock } from '#core/clock.ts'
import { DEFAULT_TENANT } from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import { systemRandom } from '#core/random.ts'
import type { Snapshot } from '#core/snapshot.ts'
import { createMcpEndpoint } from '#data-plane/endpoint.ts'
import { createProtectedResourceMetadata } from '#data-plane/protected-resource-metadata.ts'
import { withCors } from '#http/cors.ts'
import type { Listener } from '#http/listener.ts'
import { createRouter } from '#http/router.ts'
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
import { openAuditLog } from './serve/audit-log.ts'
import { startCheckingLogins } from './serve/check-logins.ts'
import { Closers } from './serve/closers.ts'
import { healthRoutes } from './serve/health.ts'
import { heedOwnWrites } from './serve/heed-own-writes.ts'
import { startHousekeeping } from './serve/housekeeping.ts'
import { createListeners } from './serve/listeners.ts'
import { startNotingKeyUses } from './serve/note-key-uses.ts'
import { openStoreSealer } from './serve/open-keys.ts'
import { openStore } from './serve/open-store.ts'
import { recordRefusals } from './serve/record-refusals.ts'
import { recordStop } from './serve/record-stop.ts'
import { joinReplicas } from './serve/replica.ts'
import { startRotatingKeys } from './serve/rotate-keys.ts'
import { startSettling } from './serve/settling.ts'
import { issueSetupLink } from './serve/setup-link.ts'
import { openStateFolder } from './serve/state-folder.ts'
import { watchReplicas } from './serve/watch-replicas.ts'

export interface GatewayOptions {
  readonly configurationFile: string
  readonly stateDir: string
  /** Replaces the port to listen on, and the port of a loopback public URL. */
  readonly port?: number
  readonly env: Readonly<Record<string, string | undefined>>
  /** The Node.js binary that `command: node` means. */
  readonly execPath: string
  readonly log: Log
}

export interface Gateway {
  /** The configuration in force when it was started. */
  readonly snapshot: Snapshot
  /** While nobody has an account: where the first one is created. */
  readonly setupLink: string | null
  /** Resolves when the state is gone though nobody closed it: everything is refused from then on, and only another start helps. */
  readonly lost: Promise<Error>
  /** Reads the configuration again (SIGHUP). */
  reload(): Promise<void>
  /** Refuses new work, lets answers under way finish, ends every process it started, keeps everything acknowledged. */
  close(): Promise<void>
}

/** The configuration cannot be used; nothing was started. */
export class ConfigurationInvalid extends Error {
  override readonly name = 'ConfigurationInvalid'
  readonly problems: readonly ConfigurationProblem[]

  constructor(problems: readonly ConfigurationProblem[]) {
    super('the configuration cannot be used')
    this.problems = problems
  }
}

/**
 * Puts the gateway together and opens its door.
 * @throws ConfigurationInvalid, StoreInUse, StoreTooNew, LogTampered, or what the machine says (port taken, folder not ours).
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const closers = new Closers(options.log)
  try {
    return await assemble(options, closers)
  } catch (cause) {
    await closers.closeAll()
    throw cause
  }
}

async function assemble(options: GatewayOptions, closers: Closers): Promise<Gateway> {
  const { log } = options
  const clock = systemClock
  const random = systemRandom
  const onWriting = (cause: unknown) =>
    cause === null
      ? log.info('the audit log can be written again')
      : log.error('the audit log cannot be written; what needs a record is refused', { cause })
  const first = await loadFirst(options)
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
  const snapshots = closers.add('configuration', await loadSnapshots(options, first, audit))
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
    store,
    revocations,
    clock,
  })
  const keyUses = startNotingKeyUses(kept.apiKeys, tenant, clock, log)
  closers.add('last uses of API keys', { close: () => keyUses.stop() })
  const apiKeys = createApiKeyVerifier({ store, revocations, tokens: verifier, clock, uses: keyUses })

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
    ...(options.env['PATH'] === undefined ? {} : { searchPath: options.env['PATH'] }),
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
    },
    { verifier, senders, memberships },
  )

  let closing: Promise<void> | null = null
  const health = healthRoutes({
    isFeedFresh: () => !revocations.isStale(),
    configuration: () => snapshots.health().state,
    isClosing: () => closing !== null,
  })
  const current = () => snapshots.current()
  const isPage = (path: string) =>
    path === '/authorize' ||
    ['/oauth/authorize', '/device'].some((page) => path === page || path.startsWith(`${page}/`))
  const browserReadable = authorization.routes.filter(({ path }) => !isPage(path))
  const refusals = recordRefusals(audit, snapshots, onFailure)
  const forPrograms = [
    ...withCors([...browserReadable, ...createProtectedResourceMetadata({ snapshots }).routes, ...mcp.routes], current),
    ...admin.routes,
    ...health,
  ]
  const forPeople = [...authorization.routes.filter(({ path }) => isPage(path)), ...pages.routes]
  const router = createRouter([...forPrograms, ...forPeople], refusals.ofMethod)
  // A browser that is asked for a certificate asks its user.
  const certificateRouter = createRouter(forPrograms, refusals.ofMethod)
  const onRefused = refusals.ofListener
  const listener = createListeners({ current, router, certificateRouter, clock, random, onFailure, onRefused }, () =>
    snapshots.loaded(),
  )
  await audit.record({
    tenant: DEFAULT_TENANT,
    activity: 'system.start',
    outcome: 'success',
    requestId: null,
    detail: { dangerousOptions: snapshot.dangerousOptions.join(' '), servers: snapshot.servers.size },
  })
  closers.add('record of the stop', {
    close: async () => {
      areCallsSettled = await recordStop(audit, settling, closers)
    },
  })
  // After it, so that both doors are shut before the stop is recorded.
  const socket = { routes: admin.localRoutes, stateDir: folder.path, clock, random, log }
  closers.add('admin socket', await listenOnSocket(socket))
  closers.add('listener', listener)
  closers.add('MCP endpoint', mcp)
  const { host, port } = snapshots.loaded().listen
  await listener.listen(host, port)
  followCertificates(snapshots, listener)
  closers.add('login checks', startCheckingLogins(loginChecks, log))
  const stopHousekeeping = startHousekeeping({ store, tenant: snapshot.tenant, snapshots, audit, clock, log })
  closers.add('housekeeping', { close: async () => stopHousekeeping() })

  return {
    snapshot,
    setupLink: await issueSetupLink(store, snapshot, clock, random),
    lost: kept.lost,
    reload: async () => {
      await snapshots.reload()
    },
    close: () => {
      closing ??= closers.closeAll()
      return closing
    },
  }
}

/** Before anything is opened: it says which store to open. */
async function loadFirst(options: GatewayOptions): Promise<LoadedConfiguration> {
  const loaded = await loadConfiguration(loadOptionsOf(options))
  if (!loaded.ok) throw new ConfigurationInvalid(loaded.refusal)
  return loaded.value
}

function loadOptionsOf({ configurationFile, env, stateDir, port, execPath }: GatewayOptions): LoadOptions {
  return { file: configurationFile, env, stateDir, ...(port === undefined ? {} : { port }), execPath }
}

async function loadSnapshots(
  options: GatewayOptions,
  first: LoadedConfiguration,
  audit: ReturnType<typeof createAuditTrail>,
): Promise<SnapshotHolder & { close(): void }> {
  const holder = await openSnapshotHolder({ ...loadOptionsOf(options), first, audit, log: options.log })
  if (!holder.ok) throw new ConfigurationInvalid(holder.refusal)
  for (const warning of holder.value.loaded().warnings) {
    options.log.warn('the configuration could be better', { warning: printProblem(warning) })
  }
  return holder.value
}

/** Certificates are files; a swap of the configuration has read them anew. */
function followCertificates(snapshots: SnapshotHolder, listener: Listener): void {
  snapshots.onSwap(() => {
    const { tls, snapshot } = snapshots.loaded()
    if (tls !== null) listener.replaceCertificate(tls, snapshot.mutualTls?.authorities ?? null)
  })
}
