import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { askSocket } from '../support/admin-socket.ts'
import { eventually } from '../support/eventually.ts'
import { portOf, startReplicas } from '../support/replicas.ts'
import { fetchThrough, initialize, logInScripted } from '../support/scripted-client.ts'
import { startScriptedUpstream } from '../support/upstream-http.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

it('a tenant is one tenant on all gateways: its token works at each, and ends at each when it is revoked at one', async () => {
  const upstream = await startScriptedUpstream(() => false)
  closers.push(() => upstream.close())
  const servers = `servers:\n  notes: { http: { url: '${upstream.url}', network: loopback } }\n`
  const replicas = await startReplicas(2, `${servers}tenants: { acme: { file: acme.yaml } }\n`, {
    acme: `version: 1\n${servers}`,
  })
  closers.push(() => replicas.close())
  const [first, second] = replicas.all
  if (first === undefined || second === undefined) throw new Error('no replicas')
  const at = (gateway: typeof first) => fetchThrough({ port: portOf(replicas, gateway), ca: null })
  const admin = (gateway: typeof first, ...rest: [string, string, unknown?]) =>
    askSocket(join(gateway.folder, 'var', 'tenants', 'acme'), ...rest)
  const alice = { username: 'alice', password: 'correct horse battery alice' }
  expect((await admin(first, 'POST', '/users', alice)).status).toBe(201)
  const issuer = `${replicas.origin}/t/acme`
  const tokens = await logInScripted(
    at(second),
    { authorize: `${issuer}/oauth/authorize`, token: `${issuer}/oauth/token`, register: `${issuer}/oauth/register` },
    alice,
    { resource: `${issuer}/mcp/notes`, scope: 'notes:read' },
  )
  const knock = async (gateway: typeof first) =>
    (await initialize(at(gateway), `${issuer}/mcp/notes`, tokens.access_token)).status
  expect([await knock(first), await knock(second)]).toEqual([200, 200])
  expect((await admin(first, 'POST', '/grants/revoke-all', { everybody: true })).status).toBe(200)
  expect(await knock(first)).toBe(401)
  await eventually(async () => expect(await knock(second)).toBe(401))
}, 60_000)
