import { startGateway } from '../e2e/support/gateway.ts'
import { logInScripted } from '../support/scripted-client.ts'
import { startBearerShim } from './bearer-shim.ts'

const SERVER_ID = 'fixture'
// The suite opens a session per scenario and leaves some of them open.
const SESSIONS_MAX = 100

export interface RouteToFixture {
  /** An endpoint that wants no token and leads through the whole gateway to the fixture. */
  readonly url: string
  /** What the gateway logged so far. */
  readonly output: () => string
  close(): Promise<void>
}

/** A real gateway process with the fixture behind it, every tool of which is overridden to `read`, and a person who allowed the client that. */
export async function routeThroughGateway(fixtureUrl: string): Promise<RouteToFixture> {
  const tools = await toolNames(fixtureUrl)
  const gateway = await startGateway({ serversYaml: serverYaml(fixtureUrl, tools) })
  try {
    const person = await gateway.addUser('carol', 'operator')
    const resource = `${gateway.origin}/mcp/${SERVER_ID}`
    const endpoint = (name: string) => `${gateway.origin}/oauth/${name}`
    const { access_token: token } = await logInScripted(
      fetch,
      { authorize: endpoint('authorize'), token: endpoint('token'), register: endpoint('register') },
      person,
      { resource, scope: `${SERVER_ID}:read` },
    )
    const shim = await startBearerShim(resource, token)
    return {
      url: shim.url,
      output: gateway.output,
      close: async () => {
        await shim.close()
        await gateway.dispose()
      },
    }
  } catch (error) {
    await gateway.dispose()
    throw error
  }
}

function serverYaml(url: string, tools: readonly string[]): string {
  return `  ${SERVER_ID}:
    title: Conformance fixture
    http: { url: '${url}', network: loopback }
    limits: { sessionsPerSubjectMax: ${SESSIONS_MAX} }
    tools:
${tools.map((name) => `      ${name}: { class: read }`).join('\n')}
`
}

/** The fixture's own word on its tools, in one stateless request of 2026-07-28. */
async function toolNames(url: string): Promise<string[]> {
  const version = '2026-07-28'
  const method = 'tools/list'
  const meta = {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': version,
      'mcp-method': method,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { _meta: meta } }),
  })
  const { result } = (await response.json()) as { result?: { tools: { name: string }[] } }
  if (result === undefined) throw new Error(`the fixture does not list its tools: ${response.status}`)
  return result.tools.map(({ name }) => name)
}
