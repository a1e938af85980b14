import { LEGACY_REVISIONS, type LegacyRevision } from './revisions.ts'

export type Sender = 'client' | 'server'

/** One method or notification of the legacy revisions. */
export interface MethodEntry {
  readonly method: string
  readonly kind: 'request' | 'notification'
  /** Who may send it. `ping`, `notifications/cancelled` and `notifications/progress` go both ways. */
  readonly senders: readonly Sender[]
  readonly since: LegacyRevision
  /** Capability that the *receiver* must have declared, as a path: `elicitation`, `resources.subscribe`. Null: none. */
  readonly receiverCapability: string | null
  /** Capability that the *sender* must have declared: a server only announces lists it said it would announce. */
  readonly senderCapability: string | null
}

const CLIENT: readonly Sender[] = ['client']
const SERVER: readonly Sender[] = ['server']
const BOTH: readonly Sender[] = ['client', 'server']

/** `tasks/*` (2025-11-25, experimental) is left out on purpose: what is not here is refused. */
const ENTRIES: readonly MethodEntry[] = [
  request('initialize', CLIENT, null),
  request('ping', BOTH, null),
  request('tools/list', CLIENT, 'tools'),
  request('tools/call', CLIENT, 'tools'),
  request('prompts/list', CLIENT, 'prompts'),
  request('prompts/get', CLIENT, 'prompts'),
  request('resources/list', CLIENT, 'resources'),
  request('resources/templates/list', CLIENT, 'resources'),
  request('resources/read', CLIENT, 'resources'),
  request('resources/subscribe', CLIENT, 'resources.subscribe'),
  request('resources/unsubscribe', CLIENT, 'resources.subscribe'),
  request('completion/complete', CLIENT, 'completions'),
  request('logging/setLevel', CLIENT, 'logging'),
  request('sampling/createMessage', SERVER, 'sampling'),
  request('roots/list', SERVER, 'roots'),
  request('elicitation/create', SERVER, 'elicitation', '2025-06-18'),
  notification('notifications/initialized', CLIENT, null),
  notification('notifications/cancelled', BOTH, null),
  notification('notifications/progress', BOTH, null),
  notification('notifications/roots/list_changed', CLIENT, 'roots.listChanged'),
  notification('notifications/message', SERVER, 'logging'),
  notification('notifications/tools/list_changed', SERVER, 'tools.listChanged'),
  notification('notifications/prompts/list_changed', SERVER, 'prompts.listChanged'),
  notification('notifications/resources/list_changed', SERVER, 'resources.listChanged'),
  notification('notifications/resources/updated', SERVER, 'resources.subscribe'),
  notification('notifications/elicitation/complete', SERVER, null, '2025-11-25'),
]

const BY_NAME: ReadonlyMap<string, MethodEntry> = new Map(ENTRIES.map((entry) => [entry.method, entry]))

/** Every method and notification there is, for tests and for tables built on this one. */
export function allMethods(): readonly MethodEntry[] {
  return ENTRIES
}

/** The entry, if this sender may send this kind of message in this revision; null is a refusal. */
export function findMethod(
  method: string,
  kind: MethodEntry['kind'],
  sender: Sender,
  revision: LegacyRevision,
): MethodEntry | null {
  const entry = BY_NAME.get(method)
  if (entry === undefined || entry.kind !== kind || !entry.senders.includes(sender)) return null
  return LEGACY_REVISIONS.indexOf(entry.since) <= LEGACY_REVISIONS.indexOf(revision) ? entry : null
}

function request(
  method: string,
  senders: readonly Sender[],
  receiverCapability: string | null,
  since: LegacyRevision = '2025-03-26',
): MethodEntry {
  return { method, kind: 'request', senders, since, receiverCapability, senderCapability: null }
}

function notification(
  method: string,
  senders: readonly Sender[],
  senderCapability: string | null,
  since: LegacyRevision = '2025-03-26',
): MethodEntry {
  return { method, kind: 'notification', senders, since, receiverCapability: null, senderCapability }
}
