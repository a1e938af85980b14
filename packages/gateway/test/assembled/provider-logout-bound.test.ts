import { expect, it } from 'vitest'
import { PROVIDER_CLIENT, startHandMadeProvider } from '../support/hand-made-provider.ts'
import { logInAtProvider } from '../support/provider-token.ts'
import { open } from '../support/raw-client.ts'
import { startReplicaProcesses } from '../support/replica-processes.ts'
import { fetchThrough, initialize, requestToken } from '../support/scripted-client.ts'
import { startScriptedUpstream } from '../support/upstream-http.ts'

/** What SECURITY.md promises: gone at the provider is gone here, on every replica, within a second of the answer to the logout token. */
const BOUND_MS = 1_000
const ROUNDS = 5
const EVENT = 'http://schemas.openid.net/event/backchannel-logout'

it('a logout token at one process ends calls and streams at both within a second', async () => {
  const upstream = await startScriptedUpstream(() => false)
  const corp = await startHandMadeProvider()
  const replicas = await startReplicaProcesses(
    [
      `identityProviders:`,
      `  corp: { issuer: '${corp.issuer}', clientId: ${PROVIDER_CLIENT}, network: loopback, accounts: opened, roles: { always: [user] } }`,
      `servers:`,
      `  notes: { http: { url: '${upstream.url}', network: loopback } }`,
      '',
    ].join('\n'),
  )
  try {
    const [{ origin }] = replicas.places
    const sends = replicas.places.map(({ port }) => fetchThrough({ port, ca: null }))
    const [toFirst = fetch, toSecond = fetch] = sends
    const resource = `${origin}/mcp/notes`
    let longestCallMs = 0
    let longestStreamMs = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      corp.script.claims = { sub: 'corp-ada', sid: `session-${round}` }
      const { access_token: token } = await logInAtProvider({ send: toFirst, origin, provider: 'corp' })
      const knock = async (by: typeof fetch) => {
        const answer = await initialize(by, resource, token)
        await answer.text()
        return answer.status
      }
      for (const by of sends) expect(await knock(by)).toBe(200)
      const opened = await initialize(toSecond, resource, token)
      const headers = {
        authorization: `Bearer ${token}`,
        accept: 'text/event-stream',
        'mcp-session-id': opened.headers.get('mcp-session-id') ?? '',
        'mcp-protocol-version': '2025-11-25',
      }
      const [, second] = replicas.places
      const stream = await open(`http://127.0.0.1:${second.port}/mcp/notes`, 'GET', {
        ...headers,
        host: new URL(origin).host,
      })
      expect(stream.statusCode).toBe(200)
      const streamEndedAt = new Promise<number>((resolve) => stream.once('close', () => resolve(performance.now())))
      stream.on('error', () => {})
      stream.resume()
      const claims = {
        iss: corp.issuer,
        aud: PROVIDER_CLIENT,
        iat: Math.floor(Date.now() / 1000),
        jti: `logout-${round}`,
      }
      const word = await corp.sign(
        { ...claims, events: { [EVENT]: {} }, sid: `session-${round}` },
        { typ: 'logout+jwt' },
      )
      const answer = await requestToken(toFirst, `${origin}/oidc/logout/corp`, { logout_token: word })
      expect(answer.status).toBe(200)
      const answeredAt = performance.now()
      const lastLetIn = await Promise.all(
        sends.map(async (by) => {
          let lastMs = 0
          while (performance.now() - answeredAt < 2 * BOUND_MS) {
            const askedMs = performance.now() - answeredAt
            if ((await knock(by)) !== 200) return lastMs
            lastMs = askedMs
          }
          throw new Error('it is never refused')
        }),
      )
      longestCallMs = Math.max(longestCallMs, ...lastLetIn)
      longestStreamMs = Math.max(longestStreamMs, (await streamEndedAt) - answeredAt)
    }
    process.stdout.write(
      `logout token to two processes: a call let in at most ${longestCallMs.toFixed(1)} ms after the answer, a stream open at most ${longestStreamMs.toFixed(1)} ms, ${ROUNDS} times\n`,
    )
    expect(longestCallMs).toBeLessThan(BOUND_MS)
    expect(longestStreamMs).toBeLessThan(BOUND_MS)
  } finally {
    await replicas.remove()
    await corp.close()
    await upstream.close()
  }
}, 60_000)
