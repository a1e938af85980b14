import { afterEach, describe, expect, test } from 'vitest'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { BASE_HEADERS, openRawSession, send } from '../support/raw-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

let gateway: DataPlaneGateway | undefined
let upstream: ScriptedUpstream | undefined
afterEach(async () => {
  await gateway?.close()
  await upstream?.close()
})

async function start() {
  upstream = await startScriptedUpstream(() => false)
  const entry = { kind: 'http' as const, url: upstream.url, headers: new Map(), network: 'loopback' as const }
  gateway = await startDataPlane({ servers: { notes: { upstream: entry } } })
  return { gateway, upstream }
}

const PING = { jsonrpc: '2.0', id: 1, method: 'ping' }

describe('every authentication is in the log', () => {
  test('one record for the first use of each token, with who, where and by which client; none for later uses', async () => {
    const { gateway } = await start()
    const session = await openRawSession(gateway.url('notes'), 'token-alice')
    await session.call(1, 'get_thing')
    const again = { ...session.headers, authorization: 'Bearer token-alice.grant~second' }
    await send(gateway.url('notes'), 'POST', again, PING)
    await send(gateway.url('notes'), 'POST', again, PING)
    const accepted = gateway.records.filter(({ activity }) => activity === 'authenticate')
    expect(accepted).toMatchObject([
      { outcome: 'success', subject: 'alice', clientId: 'client-1', grantId: 'grant-alice', server: 'notes' },
      { outcome: 'success', subject: 'alice', clientId: 'client-1', grantId: 'second', server: 'notes' },
    ])
    expect(accepted[0]?.personal).toEqual({ address: '127.0.0.1' })
    expect(gateway.records[0]?.activity).toBe('authenticate')
  })

  test('a first use that cannot be recorded gets 503 and does nothing; the next try is recorded', async () => {
    const { gateway, upstream } = await start()
    gateway.failAudit(({ activity }) => activity === 'authenticate')
    await expect(openRawSession(gateway.url('notes'), 'token-alice')).rejects.toThrow('initialize: 503')
    expect(upstream.seen).toEqual([])
    gateway.failAudit(null)
    await openRawSession(gateway.url('notes'), 'token-alice')
    expect(gateway.records.filter(({ activity }) => activity === 'authenticate')).toHaveLength(1)
  })

  test('a token that is refused leaves no success', async () => {
    const { gateway } = await start()
    await send(gateway.url('notes'), 'POST', { ...BASE_HEADERS, authorization: 'Bearer nonsense' }, PING)
    expect(gateway.records).toMatchObject([{ activity: 'authenticate', outcome: 'refused' }])
  })
})
