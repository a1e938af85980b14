import { setTimeout } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import { admin, childrenOf, exportedRecords, type Place, runCli, type WrittenRecord } from '../gateway-process.ts'
import { post, requestToken } from '../scripted-client.ts'
import type { HeldGrant, Ledger } from './ledger.ts'
import { connectionTo, refreshGrant } from './workload.ts'

/** What the recording server saw: names of the tools called, each used for one call only. */
export type SeenCalls = readonly string[]

/** Everything that was acknowledged, after a start on what the killed gateway left. */
export async function expectNothingLost(place: Place, ledger: Ledger, seen: SeenCalls): Promise<void> {
  await expectChildrenGone(place)
  await expectAccounts(place, ledger)
  await expectClients(place, ledger)
  for (const grant of ledger.grants) expect((await knock(place, grant)).status, `access of ${grant.clientId}`).toBe(400)
  await expectGrants(place, ledger)
  await expectRecorded(place, ledger, seen)
  const verified = await runCli(place, 'log', 'verify')
  expect(verified, verified.out + verified.err).toMatchObject({ code: 0 })
}

/** Nobody has opened a session yet, so there is no process that this gateway started. */
async function expectChildrenGone(place: Place): Promise<void> {
  await vi.waitFor(async () => expect(await childrenOf(place)).toEqual([]), { timeout: 5_000, interval: 50 })
}

async function expectAccounts(place: Place, ledger: Ledger): Promise<void> {
  const users = await all<{ username: string; status: string }>(place, '/users')
  const statuses = new Map(users.map(({ username, status }) => [username, status]))
  for (const [username, status] of ledger.users) expect([username, statuses.get(username)]).toEqual([username, status])
}

async function expectClients(place: Place, ledger: Ledger): Promise<void> {
  const clients = new Set((await all<{ clientId: string }>(place, '/clients')).map(({ clientId }) => clientId))
  expect([...ledger.clients].filter((clientId) => !clients.has(clientId))).toEqual([])
}

async function all<T>(place: Place, path: string): Promise<T[]> {
  const items: T[] = []
  let cursor: string | null = null
  do {
    const next = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const { status, text } = await admin(place, 'GET', `${path}?limit=200${next}`)
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`)
    const page = JSON.parse(text) as { items: T[]; nextCursor: string | null }
    items.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== null)
  return items
}

/** What was granted still gives tokens that open the door, and what was revoked gives none. */
export async function expectGrants(
  place: Place,
  { grants, revoked }: Pick<Ledger, 'grants' | 'revoked'>,
): Promise<void> {
  for (const grant of grants) {
    await refreshGrant(place, grant)
    expect((await knock(place, grant)).status, `refreshed access of ${grant.clientId}`).toBe(400)
  }
  for (const grant of revoked) await expectDead(place, grant)
}

async function expectDead(place: Place, grant: HeldGrant): Promise<void> {
  const access = await patiently(() => knock(place, grant))
  expect(access.status, `access token of revoked ${grant.clientId}`).toBe(401)
  const answer = await patiently(() =>
    requestToken(connectionTo(place), `${place.origin}/oauth/token`, {
      grant_type: 'refresh_token',
      refresh_token: grant.refreshToken,
      client_id: grant.clientId,
    }),
  )
  expect([answer.status, await answer.json()]).toEqual([400, expect.objectContaining({ error: 'invalid_grant' })])
}

/** Whoever asks after hundreds of dead tokens from one address is told to wait; what they then hear is what counts. */
async function patiently(ask: () => Promise<Response>): Promise<Response> {
  for (let waited = 0; waited < 30; waited += 1) {
    const answer = await ask()
    if (answer.status !== 429) return answer
    await setTimeout(Number(answer.headers.get('retry-after') ?? 1) * 1000)
  }
  throw new Error('told to wait for ever')
}

/** 401 is the door; 400 says that a session is missing, which only somebody inside hears. */
async function knock(place: Place, grant: HeldGrant): Promise<Response> {
  const url = `${place.origin}/mcp/${grant.server}`
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' }
  const answer = await post(connectionTo(place), url, grant.accessToken, ping, {})
  await answer.text()
  return answer
}

async function expectRecorded(place: Place, ledger: Ledger, seen: SeenCalls): Promise<void> {
  // Nobody calls anything now. What the killed gateway left open is settled beside the first requests, so it may take a moment.
  const records = await vi.waitFor(
    async () => {
      const written = await exportedRecords(place)
      expectOneOutcomeEach(written)
      return written
    },
    { timeout: 10_000, interval: 100 },
  )
  const intended = countTools(records, 'call.intent')
  const acting = seen.filter((tool) => tool.startsWith('write_'))
  expect(acting.filter((tool) => intended.get(tool) !== 1)).toEqual([])
  expect(acting.length).toBe(new Set(acting).size)
  const outcomes = new Map<string, WrittenRecord>()
  for (const record of records) {
    if (record.activity_name === 'call.outcome') outcomes.set(record.metadata.correlation_uid ?? '', record)
  }
  for (const { requestId, tool, isError } of ledger.answered) {
    const { status, unmapped } = outcomes.get(requestId) ?? {}
    expect([tool, status, unmapped?.tool]).toEqual([tool, isError ? 'failed' : 'success', tool])
  }
}

function expectOneOutcomeEach(records: readonly WrittenRecord[]): void {
  const calls = new Map<string, { intents: number; outcomes: number; toolClass: string | undefined }>()
  for (const { activity_name: activity, unmapped } of records) {
    if (activity !== 'call.intent' && activity !== 'call.outcome') continue
    const id = unmapped?.call_id ?? ''
    const call = calls.get(id) ?? { intents: 0, outcomes: 0, toolClass: unmapped?.decision?.toolClass }
    call[activity === 'call.intent' ? 'intents' : 'outcomes'] += 1
    calls.set(id, call)
  }
  const wrong = [...calls].filter(
    ([, { intents, outcomes, toolClass }]) =>
      outcomes !== 1 || intents > 1 || (intents === 0 && toolClass !== undefined && toolClass !== 'read'),
  )
  expect(wrong).toEqual([])
}

function countTools(records: readonly WrittenRecord[], activity: string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { activity_name: name, unmapped } of records) {
    if (name !== activity || unmapped?.tool === undefined) continue
    counts.set(unmapped.tool, (counts.get(unmapped.tool) ?? 0) + 1)
  }
  return counts
}
