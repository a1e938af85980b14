import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import type { TenantId } from '#core/ids.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { Snapshot } from '#core/snapshot.ts'
import type { StoreSettings } from '#store/ports/settings.ts'
import { buildSnapshot } from './build-snapshot.ts'
import { crossCheck } from './cross-checks.ts'
import { describeIssue } from './describe-issue.ts'
import { effectiveGateway, type FixedAtStart } from './effective.ts'
import { loadTenants } from './load-tenants.ts'
import { type ConfigurationProblem, inFileOrder } from './problem.ts'
import { resolveMutualTls } from './resolve-mutual-tls.ts'
import { resolveSections } from './resolve-sections.ts'
import type { Resolving } from './resolve-server.ts'
import { describeStore, resolveStore } from './resolve-store.ts'
import { resolveTls, type TlsMaterial } from './resolve-tls.ts'
import { type Configuration, configurationSchema } from './schema.ts'
import { readSource, type Source } from './source.ts'

export interface LoadOptions {
  readonly file: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stateDir: string
  /** From `--port`: replaces the listening port, and the port of a loopback publicUrl. */
  readonly port?: number
  /** The Node.js binary that `command: node` means. */
  readonly execPath?: string
  /** While running: what cannot change without a restart. */
  readonly fixed?: FixedAtStart
}

export interface LoadedConfiguration {
  readonly snapshot: Snapshot
  readonly listen: { readonly host: string; readonly port: number }
  readonly tls: TlsMaterial | null
  /** Where clients are asked for certificates: by the one listener, by a second one, or by nobody here. */
  readonly certificateListener: 'none' | 'same' | { readonly host: string; readonly port: number }
  readonly store: StoreSettings
  /** Its own, then its tenants'. */
  readonly warnings: readonly ConfigurationProblem[]
  /** Each as if it were a gateway of its own; a tenant has none. */
  readonly tenants: ReadonlyMap<TenantId, LoadedConfiguration>
  /** Absolute paths of the file and of every file it refers to: a change of one is a change of the configuration. */
  readonly files: readonly string[]
}

/** Reads, checks and builds. Answers either a whole configuration or every problem found, in the order of the file. */
export async function loadConfiguration(
  options: LoadOptions,
): Promise<Result<LoadedConfiguration, ConfigurationProblem[]>> {
  const source = await readSource(resolve(options.file))
  if (!source.ok) return source
  const configuration = configurationSchema.safeParse(source.value.value)
  if (!configuration.success) {
    return refused(inFileOrder(configuration.error.issues.flatMap((issue) => describeIssue(issue, source.value))))
  }
  return complete(configuration.data, source.value, options)
}

async function complete(
  configuration: Configuration,
  source: Source,
  options: LoadOptions,
): Promise<Result<LoadedConfiguration, ConfigurationProblem[]>> {
  const effective = effectiveGateway(configuration, source, options.port ?? null, options.fixed ?? null)
  const checked = crossCheck(configuration, effective.gateway, source)
  const resolving: Resolving = {
    source,
    env: options.env,
    execPath: options.execPath ?? process.execPath,
    isLoopback: effective.gateway.isLoopback,
    problems: [...checked.problems],
    warnings: [...effective.warnings, ...checked.warnings],
    files: new Set([source.file]),
  }
  const { upstreams, externalIssuers, known } = await resolveSections(
    configuration,
    effective.gateway.publicUrl,
    resolving,
  )
  const tls = await resolveTls(configuration.gateway, resolving)
  const mutualTls = await resolveMutualTls(configuration.gateway, effective.gateway.publicUrl, resolving)
  const store = await resolveStore(configuration.store, resolving)
  const shared = {
    listen: { host: effective.gateway.listenHost, port: effective.gateway.listenPort },
    // Whether the listener speaks TLS is fixed since the start.
    tls: effective.gateway.hasTls ? tls : null,
    certificateListener: certificateListenerOf(configuration),
  }
  if (store === null) return refused(inFileOrder(resolving.problems))
  const all = { ...shared, store, configuration, effective: effective.gateway, mutualTls }
  resolving.warnings.splice(0, resolving.warnings.length, ...inFileOrder(resolving.warnings))
  const { tenants, problems } = await loadTenants(all, resolving)
  if (resolving.problems.length + problems.length > 0) return refused([...inFileOrder(resolving.problems), ...problems])
  const placeInForce = options.fixed?.storePlace ?? describeStore(store)
  if (placeInForce !== describeStore(store)) {
    const changed = source.problem(
      ['store'],
      'This changed, but holds only after a restart.',
      `Until then: ${placeInForce}.`,
    )
    resolving.warnings.push(changed)
  }
  const version = createHash('sha256').update(source.bytes).digest('hex')
  return ok({
    ...shared,
    snapshot: buildSnapshot(configuration, effective.gateway, upstreams, known, externalIssuers, mutualTls, version),
    store,
    warnings: resolving.warnings,
    tenants,
    files: [...resolving.files],
  })
}

function certificateListenerOf({ gateway }: Configuration): LoadedConfiguration['certificateListener'] {
  const { mutualTls } = gateway
  if (mutualTls === undefined || mutualTls.proxy !== undefined) return 'none'
  return mutualTls.listen ?? 'same'
}
