import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js'
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import {
  getOAuthProtectedResourceMetadataUrl,
  mcpAuthMetadataRouter,
} from '@modelcontextprotocol/sdk/server/auth/router.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { OAuthMetadata } from '@modelcontextprotocol/sdk/shared/auth.js'
import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import { z } from 'zod'
import { TOOLS } from '../mutants/reference/resource/tools.ts'
import { LEAST_SCOPE, SCOPES } from '../mutants/reference/site.ts'
import { request } from '../mutants/support/request.ts'
import { type Guarded, listenGuarded } from './guard.ts'
import type { AuthorizationServer } from './oidc-provider.ts'
import { byKeys } from './verifiers.ts'

/** Version 1 of the TypeScript SDK behind its own bearer middleware, without sessions; tokens are JWTs of another server. */
export async function startSdkV1(
  authorizationServer: AuthorizationServer,
): Promise<Guarded & { readonly url: string }> {
  const guarded = await listenGuarded()
  const resource = new URL(`${guarded.origin}/mcp`)
  authorizationServer.addResource(resource.href)
  const metadata = await request(`${authorizationServer.issuer}/.well-known/openid-configuration`)
  const verify = byKeys(authorizationServer.issuer, `${authorizationServer.issuer}/jwks`, resource.href)
  const verifier = {
    verifyAccessToken: async (token: string) => {
      const verified = await verify(token)
      if (verified === null) throw new InvalidTokenError('the token is not valid')
      return verified
    },
  }
  const app = express().disable('x-powered-by')
  app.use(
    mcpAuthMetadataRouter({
      // What the authorization server itself says.
      oauthMetadata: JSON.parse(metadata.text) as OAuthMetadata,
      resourceServerUrl: resource,
      scopesSupported: [...SCOPES],
    }),
  )
  const resourceMetadataUrl = getOAuthProtectedResourceMetadataUrl(resource)
  app.all(
    '/mcp',
    requireBearerAuth({ verifier, requiredScopes: [LEAST_SCOPE], resourceMetadataUrl, expectedResource: resource }),
  )
  app.all('/mcp', express.json({ limit: '128kb' }), requireToolScope(resourceMetadataUrl), serve)
  app.use(((error: { status?: unknown }, _request, response, _next) => {
    const status = typeof error.status === 'number' ? error.status : 500
    response
      .status(status)
      .json({ jsonrpc: '2.0', id: null, error: { code: status === 400 ? -32700 : -32603, message: 'Parse error' } })
  }) satisfies ErrorRequestHandler)
  guarded.serve(app)
  return { ...guarded, url: resource.href, [Symbol.asyncDispose]: guarded[Symbol.asyncDispose] }
}

/** One server for each request, with the tools that this caller may use. */
const serve: RequestHandler = async (incoming, response) => {
  if (incoming.method !== 'POST') return void response.status(405).set('allow', 'POST').json({ error: 'only POST' })
  const server = new McpServer({ name: 'notes', version: '1.0.0' })
  for (const { name, scope, definition } of TOOLS) {
    if (!incoming.auth?.scopes.includes(scope)) continue
    const inputSchema = name === 'write_note' ? { text: z.string() } : { id: z.number().int() }
    const config = {
      description: String(definition['description']),
      inputSchema,
      annotations: definition['annotations'] as object,
    }
    server.registerTool(name, config, () => ({ content: [{ type: 'text' as const, text: 'done' }] }))
  }
  const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
  response.once('close', () => void server.close())
  await server.connect(transport as Parameters<typeof server.connect>[0])
  await transport.handleRequest(incoming, response, incoming.body)
}

function requireToolScope(resourceMetadataUrl: string): RequestHandler {
  return (incoming, response, next) => {
    const { method, params } = (incoming.body ?? {}) as { method?: unknown; params?: { name?: unknown } }
    const tool = method === 'tools/call' ? TOOLS.find(({ name }) => name === params?.name) : undefined
    if (tool === undefined || incoming.auth?.scopes.includes(tool.scope)) return next()
    const challenge = `Bearer error="insufficient_scope", scope="${tool.scope}", resource_metadata="${resourceMetadataUrl}"`
    response.status(403).set('www-authenticate', challenge).json({ error: 'insufficient_scope' })
  }
}
