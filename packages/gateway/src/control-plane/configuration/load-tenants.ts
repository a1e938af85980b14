import { createHash } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import { asTenantId, DEFAULT_TENANT, type TenantId } from '#core/ids.ts'
import { tenantIssuer } from '#core/issuer-url.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { MutualTls } from '#core/snapshot.ts'
import { tenantSchemaOf } from '#store/ports/settings.ts'
import { buildSnapshot } from './build-snapshot.ts'
import { crossCheckSections } from './cross-checks.ts'
import { describeIssue } from './describe-issue.ts'
import type { EffectiveGateway } from './effective.ts'
import type { LoadedConfiguration } from './load.ts'
import { type ConfigurationProblem, inFileOrder } from './problem.ts'
import { resolveSections } from './resolve-sections.ts'
import type { Resolving } from './resolve-server.ts'
import { type Configuration, GATEWAY_SECTIONS, tenantSchema } from './schema.ts'
import { readSource, type Source } from './source.ts'

/** What is the same for the gateway itself and for every tenant. */
export interface SharedByTenants extends Pick<LoadedConfiguration, 'listen' | 'tls' | 'certificateListener' | 'store'> {
  readonly configuration: Configuration
  readonly effective: EffectiveGateway
  readonly mutualTls: MutualTls | null
}

export interface LoadedTenants {
  readonly tenants: ReadonlyMap<TenantId, LoadedConfiguration>
  readonly problems: readonly ConfigurationProblem[]
}

/** Reads the tenants' files, each as if it were the only one. One that is wrong makes the whole configuration wrong. */
export async function loadTenants(shared: SharedByTenants, resolving: Resolving): Promise<LoadedTenants> {
  const tenants = new Map<TenantId, LoadedConfiguration>()
  const problems: ConfigurationProblem[] = []
  const places = new Map<string, string>()
  for (const [name, section] of Object.entries(shared.configuration.tenants)) {
    const file = resolve(dirname(resolving.source.file), section.file)
    const loaded = checkPlace(name, file, places, resolving) ?? (await loadTenant(name, file, shared, resolving))
    if (loaded.ok) tenants.set(asTenantId(name), loaded.value)
    else problems.push(...loaded.refusal)
  }
  return { tenants, problems }
}

type Loaded = Result<LoadedConfiguration, readonly ConfigurationProblem[]>

/** Null when the tenant may be called so and live there. */
function checkPlace(name: string, file: string, places: Map<string, string>, { source }: Resolving): Loaded | null {
  const wrong = (path: readonly string[], problem: string, instead: string) =>
    refused([source.problem(['tenants', name, ...path], problem, instead, path.length === 0 ? 'key' : 'value')])
  // The gateway's own records and sealed values carry this name.
  if (name === DEFAULT_TENANT) return wrong([], 'This is what the gateway itself is called.', 'Use another name.')
  if (file === source.file) return wrong(['file'], 'This is the file of the gateway itself.', 'Write one of its own.')
  const other = places.get(file)
  if (other !== undefined) return wrong(['file'], `This is the file of \`${other}\` too.`, 'Write one for each.')
  places.set(file, name)
  return null
}

async function loadTenant(name: string, file: string, shared: SharedByTenants, above: Resolving): Promise<Loaded> {
  above.files.add(file)
  const read = await readSource(file)
  if (!read.ok) return read
  const source = read.value
  const misplaced = misplacedSections(source)
  if (misplaced.length > 0) return refused(misplaced)
  const parsed = tenantSchema.safeParse(source.value)
  if (!parsed.success) return refused(inFileOrder(parsed.error.issues.flatMap((issue) => describeIssue(issue, source))))
  const { gateway, store } = shared.configuration
  const configuration: Configuration = { ...parsed.data, gateway, store, tenants: {} }
  const issuer = tenantIssuer(shared.effective.publicUrl, name)
  const effective = { ...shared.effective, publicUrl: issuer }
  const checked = crossCheckSections(configuration, effective, source)
  const resolving: Resolving = {
    ...above,
    source,
    problems: [...checked.problems],
    warnings: [...checked.warnings],
    files: new Set([file]),
  }
  const { upstreams, externalIssuers, known } = await resolveSections(configuration, issuer, resolving)
  for (const each of resolving.files) above.files.add(each)
  if (resolving.problems.length > 0) return refused(inFileOrder(resolving.problems))
  above.warnings.push(...resolving.warnings)
  // What is the gateway's holds for the tenant too, so both files are what it was built from.
  const version = createHash('sha256').update(above.source.bytes).update(source.bytes).digest('hex')
  const snapshot = buildSnapshot(
    configuration,
    effective,
    upstreams,
    known,
    externalIssuers,
    mutualTlsOf(shared, name),
    version,
  )
  return ok({
    ...shared,
    snapshot: Object.freeze({ ...snapshot, tenant: asTenantId(name) }),
    store: shared.store.kind === 'sqlite' ? shared.store : tenantSchemaOf(shared.store, name),
    warnings: inFileOrder(resolving.warnings),
    files: [...resolving.files],
    tenants: new Map(),
  })
}

/** Told first: otherwise they would only be unknown keys. */
function misplacedSections(source: Source): ConfigurationProblem[] {
  const { value } = source
  if (typeof value !== 'object' || value === null) return []
  return GATEWAY_SECTIONS.filter((section) => Object.hasOwn(value, section)).map((section) =>
    source.problem(
      [section],
      'This is not a tenant’s: all tenants share it.',
      'Write it in the gateway’s own file.',
      'key',
    ),
  )
}

function mutualTlsOf({ mutualTls }: SharedByTenants, name: string): MutualTls | null {
  return mutualTls === null ? null : { ...mutualTls, publicUrl: tenantIssuer(mutualTls.publicUrl, name) }
}
