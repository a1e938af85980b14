/** What a client may send in 2026-07-28. Methods of extensions are not here, and what is not here is refused. */
const REQUESTS: ReadonlySet<string> = new Set([
  'server/discover',
  'tools/list',
  'tools/call',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'completion/complete',
  'subscriptions/listen',
])

/** Over HTTP none is needed: who closes the stream cancels. A client that says so as well is not refused for it. */
const NOTIFICATIONS: ReadonlySet<string> = new Set(['notifications/cancelled'])

/** Results of these methods carry `ttlMs` and `cacheScope` (2026-07-28, Caching §Cacheable Results). */
const CACHEABLE: ReadonlySet<string> = new Set([
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
])

/** Only these may be answered by `input_required` (2026-07-28, Multi Round-Trip Requests §Supported Requests). */
const ANSWERED_IN_ROUNDS: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read'])

export function isModernMethod(method: string, kind: 'request' | 'notification'): boolean {
  return (kind === 'request' ? REQUESTS : NOTIFICATIONS).has(method)
}

export function isCacheable(method: string): boolean {
  return CACHEABLE.has(method)
}

export function mayNeedInput(method: string): boolean {
  return ANSWERED_IN_ROUNDS.has(method)
}
