import type { AuditTrail } from '#audit/trail.ts'
import { openSnapshotHolder, type SnapshotHolder } from '#control-plane/configuration/holder.ts'
import { type LoadedConfiguration, type LoadOptions, loadConfiguration } from '#control-plane/configuration/load.ts'
import { type ConfigurationProblem, printProblem } from '#control-plane/configuration/problem.ts'
import { systemClock } from '#core/clock.ts'
import type { Log } from '#core/log.ts'
import { systemRandom } from '#core/random.ts'
import type { Snapshot } from '#core/snapshot.ts'
import type { Listener } from '#http/listener.ts'
import { assemble } from './serve/assemble.ts'
import { Closers } from './serve/closers.ts'
import { healthRoutes } from './serve/health.ts'
import { createListeners } from './serve/listeners.ts'
import { createTenants, type RunningTenant } from './serve/tenants.ts'

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
  /** The tenants that can be reached, with the link to the first account of each that has none. */
  tenants(): readonly RunningTenant[]
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
    return await start(options, closers)
  } catch (cause) {
    await closers.closeAll()
    throw cause
  }
}

async function start(options: GatewayOptions, closers: Closers): Promise<Gateway> {
  const { log } = options
  const first = await loadFirst(options)
  const searchPath = options.env['PATH']
  const rest = { log, ...(searchPath === undefined ? {} : { searchPath }) }
  const tenants = createTenants({ ...rest, stateDir: options.stateDir })
  let closing: Promise<void> | null = null
  const assembly = await assemble(
    {
      ...rest,
      first,
      stateDir: options.stateDir,
      openSnapshots: (audit) => loadSnapshots(options, first, audit),
      moreRoutes: ({ snapshots, revocations }) =>
        healthRoutes({
          isFeedFresh: () => !revocations.isStale() && tenants.areReady(),
          configuration: () => snapshots.health().state,
          isClosing: () => closing !== null,
        }),
      makeDoor: async ({ router, certificateRouter, snapshots, onRefused, onFailure }, own) => {
        const current = () => snapshots.current()
        const listener = createListeners(
          {
            current,
            router: tenants.dispatch(router, 'router'),
            certificateRouter: tenants.dispatch(certificateRouter, 'certificateRouter'),
            clock: systemClock,
            random: systemRandom,
            onFailure,
            onRefused,
          },
          () => snapshots.loaded(),
        )
        own.add('listener', listener)
        own.add('tenants', tenants)
        return async () => {
          await tenants.follow(snapshots)
          const { host, port } = snapshots.loaded().listen
          await listener.listen(host, port)
          followCertificates(snapshots, listener)
        }
      },
    },
    closers,
  )
  const { snapshots, setupLink, lost } = assembly
  return {
    snapshot: snapshots.current(),
    setupLink,
    tenants: () => tenants.list(),
    lost,
    reload: async () => {
      await snapshots.reload()
      await tenants.settled()
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
  audit: AuditTrail,
): Promise<SnapshotHolder> {
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
