import { afterAll, beforeAll, expect, it } from 'vitest'
import { authorizeAsPerson, type Person } from '../e2e/support/authorize.ts'
import { freePort, type RunningGateway, startGateway } from '../e2e/support/gateway.ts'
import { runAuthorizationSuite } from './run-authorization-suite.ts'

let gateway: RunningGateway
let person: Person

beforeAll(async () => {
  gateway = await startGateway()
  person = await gateway.addUser('carol', 'operator')
})
afterAll(() => gateway?.dispose())

/** A client registered as any other: the suite wants one that is known already. */
async function register(port: number): Promise<string> {
  const response = await fetch(`${gateway.origin}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'Conformance suite',
      redirect_uris: [`http://127.0.0.1:${port}/callback`],
      token_endpoint_auth_method: 'none',
    }),
  })
  expect(response.status).toBe(201)
  return ((await response.json()) as { client_id: string }).client_id
}

/** What it looks at, each once: a run that looked at less proves nothing. */
const CHECKS = ['authorization-code-grant', 'authorization-server-metadata-endpoint']

// A confidential client can't be shown: where a server takes public clients too, the suite sends no secret for any.
it('the official suite finds nothing to fail or to warn of at the authorization server', async () => {
  const port = await freePort()
  const clientId = await register(port)
  const run = await runAuthorizationSuite(
    {
      issuer: gateway.origin,
      clientId,
      resource: `${gateway.origin}/mcp/notes`,
      port,
    },
    async (url) => {
      const callback = await authorizeAsPerson(url, person)
      expect((await fetch(callback)).status).toBe(200)
    },
  )
  process.stdout.write(`${run.checks.map(({ id, status, message }) => `${status} ${id} ${message}`).join('\n')}\n`)
  expect(run.passed, run.output).toBe(true)
  expect(run.checks.filter(({ status }) => status !== 'SUCCESS' && status !== 'INFO')).toEqual([])
  expect([...new Set(run.checks.map(({ scenario }) => scenario))].sort()).toEqual(CHECKS)
}, 90_000)
