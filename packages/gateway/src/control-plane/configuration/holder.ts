import type { AuditTrail } from '#audit/trail.ts'
import { DEFAULT_TENANT } from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import { ok, type Result } from '#core/result.ts'
import type { Snapshot, SnapshotSource } from '#core/snapshot.ts'
import type { FixedAtStart } from './effective.ts'
import { type LoadedConfiguration, type LoadOptions, loadConfiguration } from './load.ts'
import { type ConfigurationProblem, printProblem } from './problem.ts'
import { describeStore } from './resolve-store.ts'
import { readFingerprint, type Watch, watchFiles } from './watch-files.ts'

/** Problems written to the log one by one; the rest is counted. */
const LOGGED_PROBLEMS_MAX = 20

export interface ConfigurationHealth {
  /** `stale`: the file changed and could not be used, so an older configuration is in force. */
  readonly state: 'ok' | 'stale'
  readonly problems: readonly ConfigurationProblem[]
}

export type ReloadOutcome = 'applied' | 'unchanged' | 'rejected'

export interface SnapshotHolder extends SnapshotSource {
  /** What the snapshot in force was built with. */
  loaded(): LoadedConfiguration
  health(): ConfigurationHealth
  /** Reads the file now (SIGHUP). Runs one at a time; concurrent callers get the answer of a run that began after they asked. */
  reload(): Promise<ReloadOutcome>
  /** Runs before a new configuration holds; if it rejects, the new one does not. Answers how to stop. */
  beforeSwap(record: (next: LoadedConfiguration) => Promise<void>): () => void
  close(): void
}

export interface HolderOptions extends Omit<LoadOptions, 'fixed'> {
  readonly audit: AuditTrail
  readonly log: Log
  /** What whoever opens this has loaded a moment ago; absent: it is loaded here. */
  readonly first?: LoadedConfiguration
  /** How often files are looked at besides notifications of the file system. */
  readonly pollMs?: number
}

/**
 * Loads the configuration, then keeps it current: a changed file is built, checked, audited and swapped in whole; a bad one leaves the old
 * in force and says so in `health()`, the log and the audit log. What cannot change while running keeps its value.
 * Answers problems only if the first load fails.
 */
export async function openSnapshotHolder(
  options: HolderOptions,
): Promise<Result<SnapshotHolder, ConfigurationProblem[]>> {
  const first = options.first === undefined ? await loadConfiguration(options) : ok(options.first)
  if (!first.ok) return first
  let inForce = numbered(first.value, 1)
  let seen = await readFingerprint(inForce.files)
  await recordApplied(options, inForce)
  const fixed: FixedAtStart = {
    publicUrl: inForce.snapshot.publicUrl,
    listenHost: inForce.listen.host,
    listenPort: inForce.listen.port,
    hasTls: inForce.tls !== null,
    storePlace: describeStore(inForce.store),
  }
  let health: ConfigurationHealth = { state: 'ok', problems: [] }
  const listeners = new Set<(snapshot: Snapshot) => void>()
  const recorders = new Set<(next: LoadedConfiguration) => Promise<void>>()

  const reject = async (problems: readonly ConfigurationProblem[], isForced: boolean): Promise<ReloadOutcome> => {
    const isNews = isForced || JSON.stringify(problems) !== JSON.stringify(health.problems)
    health = { state: 'stale', problems }
    if (isNews) await reportRejected(options, problems, inForce.snapshot.version)
    return 'rejected'
  }
  const reloadOnce = async (isForced: boolean): Promise<ReloadOutcome> => {
    const fingerprint = await readFingerprint(inForce.files)
    // While stale, every look is a try: what was missing (a secret file, a variable's file) need not be among the files watched.
    if (!isForced && fingerprint === seen && health.state === 'ok') return 'unchanged'
    seen = fingerprint
    const next = await loadConfiguration({ ...options, fixed })
    if (!next.ok) return reject(next.refusal, isForced)
    const candidate = numbered(next.value, inForce.snapshot.number + 1)
    try {
      // Nothing takes effect unrecorded: a log that cannot be written leaves the old configuration in force.
      for (const record of recorders) await record(candidate)
      await recordApplied(options, candidate)
    } catch (cause) {
      options.log.error('the new configuration could not be recorded', { cause })
      health = { state: 'stale', problems: [unrecorded(options.file)] }
      return 'rejected'
    }
    inForce = candidate
    seen = await readFingerprint(inForce.files)
    health = { state: 'ok', problems: [] }
    for (const warning of inForce.warnings)
      options.log.warn('configuration warning', { warning: printProblem(warning) })
    for (const listener of listeners) listener(inForce.snapshot)
    return 'applied'
  }

  let running: Promise<unknown> = Promise.resolve()
  const enqueue = (isForced: boolean): Promise<ReloadOutcome> => {
    const next = running.then(() => reloadOnce(isForced))
    running = next.catch(() => undefined)
    return next
  }
  const watch: Watch = watchFiles(
    () => inForce.files,
    () => enqueue(false).catch((cause: unknown) => options.log.error('reloading the configuration', { cause })),
    options.pollMs,
  )
  return ok({
    current: () => inForce.snapshot,
    loaded: () => inForce,
    health: () => health,
    reload: () => enqueue(true),
    beforeSwap: (record) => {
      recorders.add(record)
      return () => recorders.delete(record)
    },
    onSwap: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => watch.close(),
  })
}

function numbered(loaded: LoadedConfiguration, number: number): LoadedConfiguration {
  const tenants = new Map([...loaded.tenants].map(([tenant, own]) => [tenant, numbered(own, number)]))
  return { ...loaded, tenants, snapshot: Object.freeze({ ...loaded.snapshot, number }) }
}

/** Writes down, for whoever administers this, what is about to hold. Rejects if that cannot be done. */
export async function recordApplied(
  { audit, log }: Pick<HolderOptions, 'audit' | 'log'>,
  { snapshot }: LoadedConfiguration,
): Promise<void> {
  await audit.record({
    tenant: snapshot.tenant,
    activity: 'config.applied',
    outcome: 'success',
    requestId: null,
    decision: { config: snapshot.version },
    detail: {
      number: snapshot.number,
      servers: snapshot.servers.size,
      dangerousOptions: snapshot.dangerousOptions.join(' '),
    },
  })
  log.info('configuration applied', { version: snapshot.version, number: snapshot.number })
  for (const option of snapshot.dangerousOptions) log.warn('a dangerous option is in force', { option })
}

async function reportRejected(
  { audit, log }: HolderOptions,
  problems: readonly ConfigurationProblem[],
  versionInForce: string,
): Promise<void> {
  for (const problem of problems.slice(0, LOGGED_PROBLEMS_MAX))
    log.error('configuration rejected; the old one stays in force', { problem: printProblem(problem) })
  try {
    await audit.record({
      tenant: DEFAULT_TENANT,
      activity: 'config.rejected',
      outcome: 'refused',
      reason: 'configurationInvalid',
      requestId: null,
      decision: { config: versionInForce },
      detail: { problems: problems.length, firstLine: problems[0]?.line ?? 0 },
    })
  } catch (cause) {
    log.error('the rejected configuration could not be recorded', { cause })
  }
}

function unrecorded(file: string): ConfigurationProblem {
  return {
    file,
    line: 0,
    column: 0,
    path: '',
    problem: 'The file is good, but the audit log could not be written, so it is not in force.',
    instead: 'Look at the log and the disk.',
  }
}
