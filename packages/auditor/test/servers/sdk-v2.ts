import type { IncomingMessage, ServerResponse } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import {
  type AuthInfo,
  bearerAuthChallengeResponse,
  createMcpHandler,
  fromJsonSchema,
  getOAuthProtectedResourceMetadataUrl,
  McpServer,
  OAuthError,
  OAuthErrorCode,
  requireScopes,
  verifyBearerToken,
} from '@modelcontextprotocol/server'
import { TOOLS } from '../mutants/reference/resource/tools.ts'
import { SCOPES } from '../mutants/reference/site.ts'
import { type Guarded, listenGuarded } from './guard.ts'
import type { AuthorizationServer } from './oidc-provider.ts'
import { byIntrospection } from './verifiers.ts'

/** Version 2 of the TypeScript SDK, both eras, on bare Node.js; tokens are opaque and asked about at their server. */
export async function startSdkV2(
  authorizationServer: AuthorizationServer,
): Promise<Guarded & { readonly url: string }> {
  const guarded = await listenGuarded()
  const resource = new URL(`${guarded.origin}/v2/mcp`)
  authorizationServer.addResource(resource.href)
  const verify = byIntrospection(authorizationServer, resource.href)
  const verifier = {
    verifyAccessToken: async (token: string) => {
      const verified = await verify(token)
      if (verified === null) throw new OAuthError(OAuthErrorCode.InvalidToken, 'the token is not valid')
      return verified
    },
  }
  const resourceMetadataUrl = getOAuthProtectedResourceMetadataUrl(resource)
  const metadata = JSON.stringify({
    resource: resource.href,
    authorization_servers: [authorizationServer.issuer],
    scopes_supported: SCOPES,
    bearer_methods_supported: ['header'],
  })
  const handle = toNodeHandler(createMcpHandler(notes), { maxRequestBodySize: 128 * 1024 })
  guarded.serve((request, response) => void serve(request, response))
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === new URL(resourceMetadataUrl).pathname) {
      response.writeHead(200, { 'content-type': 'application/json', 'access-control-allow-origin': '*' }).end(metadata)
    } else if (request.url?.split('?')[0] !== resource.pathname) response.writeHead(404).end()
    else {
      const options = { verifier, expectedResource: resource, resourceMetadataUrl }
      const auth = await verifyBearerToken(request.headers.authorization, options).catch((error: unknown) => error)
      if (isAuthInfo(auth))
        await handle(Object.assign(request as IncomingMessage & { method: string; url: string }, { auth }), response)
      else await copy(bearerAuthChallengeResponse(auth, options), response)
    }
  }
  return { ...guarded, url: resource.href, [Symbol.asyncDispose]: guarded[Symbol.asyncDispose] }
}

function notes(): McpServer {
  const server = new McpServer({ name: 'notes', version: '2.0.0' })
  for (const { name, scope, definition } of TOOLS) {
    const config = {
      description: String(definition['description']),
      inputSchema: fromJsonSchema(definition['inputSchema'] as Parameters<typeof fromJsonSchema>[0]),
      scopeChallenge: requireScopes(scope),
    }
    server.registerTool(name, config, () => ({ content: [{ type: 'text', text: 'done' }] }))
  }
  return server
}

function isAuthInfo(value: unknown): value is AuthInfo {
  return typeof value === 'object' && value !== null && 'scopes' in value
}

async function copy(answer: Response, response: ServerResponse): Promise<void> {
  response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text())
}
