import type { IssuedTokens } from '../../../packages/gateway/test/support/scripted-client.ts'
import { onlyTarget } from '../candidates/candidate.ts'
import type { GatewayUnderTest } from '../candidates/gateway.ts'
import { Connection } from '../load/connection.ts'
import { openSession } from '../load/mcp-session.ts'
import { postText } from '../load/request-text.ts'

const GIVE_UP_MS = 5_000

const TIMES = 5

/** From the answer to the revoke call to the first call that is refused, in ms; the longest of several. */
export async function probeRevocation(gateway: GatewayUnderTest) {
  const person = await gateway.addUser('revoker')
  let refusedAfterMs = 0
  for (let time = 1; time <= TIMES; time += 1) {
    refusedAfterMs = Math.max(refusedAfterMs, await revokeOnce(gateway, await gateway.logIn(person)))
  }
  return { times: TIMES, refusedAfterMs }
}

async function revokeOnce(gateway: GatewayUnderTest, tokens: IssuedTokens): Promise<number> {
  const { clientId, access_token, refresh_token = '' } = tokens
  const target = onlyTarget(gateway.candidate)
  const connection = await Connection.open(target)
  try {
    const session = await openSession(connection, target, access_token)
    const revoked = await gateway.send(`${gateway.origin}/oauth/revoke`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ token: refresh_token, client_id: clientId }).toString(),
    })
    if (revoked.status !== 200) throw new Error(`the revocation was answered with ${revoked.status}`)
    const beganMs = performance.now()
    for (let id = 1; performance.now() - beganMs < GIVE_UP_MS; id += 1) {
      const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' })
      const { status } = await connection.ask(postText(target, access_token, session, body))
      if (status === 401) return performance.now() - beganMs
    }
    throw new Error('a revoked token was still believed after five seconds')
  } finally {
    connection.close()
  }
}
