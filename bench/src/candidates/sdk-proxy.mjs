import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js'
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import {
  CallToolRequestSchema,
  CallToolResultSchema,
  isInitializeRequest,
  ListToolsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import express from 'express'
import { createRemoteJWKSet, jwtVerify } from 'jose'

// Plain JavaScript, so that the types of the checkout do not depend on the packages of this folder.
//
// A proxy as somebody would write it in an afternoon with the SDK's own parts: Express, `requireBearerAuth` with jose behind it, and for
// each session a Server in front and a Client behind.
const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    upstream: { type: 'string' },
    issuer: { type: 'string' },
    audience: { type: 'string' },
    jwks: { type: 'string' },
  },
})
const { port = '0', upstream = '', issuer = '', audience = '', jwks = '' } = values
const keys = createRemoteJWKSet(new URL(jwks))
const transports = new Map()

const app = express()
app.use(express.json({ limit: '4mb' }))
app.use(
  '/mcp',
  requireBearerAuth({
    verifier: {
      async verifyAccessToken(token) {
        const { payload } = await jwtVerify(token, keys, { issuer, audience, typ: 'at+jwt' }).catch((cause) => {
          throw new InvalidTokenError(String(cause))
        })
        const scopes = String(payload['scope'] ?? '').split(' ')
        return { token, clientId: String(payload['client_id']), scopes, expiresAt: payload.exp ?? 0 }
      },
    },
  }),
)

app.post('/mcp', async (request, response) => {
  const known = transports.get(request.header('mcp-session-id') ?? '')
  if (known !== undefined) return known.handleRequest(request, response, request.body)
  if (!isInitializeRequest(request.body)) {
    response.status(404).json({ jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } })
    return
  }
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void transports.set(id, transport),
  })
  const server = await openSession()
  await server.connect(transport)
  await transport.handleRequest(request, response, request.body)
})
app.get('/mcp', async (request, response) => {
  const known = transports.get(request.header('mcp-session-id') ?? '')
  if (known === undefined) response.status(404).end()
  else await known.handleRequest(request, response)
})
app.listen(Number(port), '127.0.0.1')
process.stdin.on('end', () => process.exit(0)).resume()

async function openSession() {
  const client = new Client({ name: 'proxy', version: '1' })
  await client.connect(new StreamableHTTPClientTransport(new URL(upstream)))
  const server = new Server({ name: 'proxy', version: '1' }, { capabilities: { tools: {}, logging: {} } })
  server.setRequestHandler(ListToolsRequestSchema, (request) => client.listTools(request.params))
  server.setRequestHandler(CallToolRequestSchema, (request) => client.callTool(request.params, CallToolResultSchema))
  client.fallbackNotificationHandler = (notification) => server.notification(notification)
  return server
}
