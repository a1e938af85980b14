import { request as forward } from 'node:http'
import { FastMCP } from 'fastmcp'
import { z } from 'zod'
import { TOOLS } from '../mutants/reference/resource/tools.ts'
import { LEAST_SCOPE, SCOPES } from '../mutants/reference/site.ts'
import { freePort } from './free-port.ts'
import { type Guarded, listenGuarded } from './guard.ts'
import type { AuthorizationServer } from './oidc-provider.ts'
import { byIntrospection } from './verifiers.ts'

/** FastMCP for TypeScript as it is deployed: on a port of its own, behind a proxy with the public name. */
export async function startFastMcp(
  authorizationServer: AuthorizationServer,
): Promise<Guarded & { readonly url: string }> {
  const guarded = await listenGuarded()
  const resource = `${guarded.origin}/mcp`
  authorizationServer.addResource(resource)
  const verify = byIntrospection(authorizationServer, resource)
  const port = await freePort()
  const server = new FastMCP<{ scopes: readonly string[] }>({
    name: 'notes',
    version: '1.0.0',
    logger: { debug: quiet, error: quiet, info: quiet, log: quiet, warn: quiet },
    authenticate: async ({ headers }) => {
      const token = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
      const verified = token === undefined ? null : await verify(token)
      if (verified === null) return Promise.reject(unauthorized(resource, headers.authorization === undefined))
      return { scopes: verified.scopes }
    },
    health: { enabled: false },
    oauth: {
      enabled: true,
      protectedResource: {
        resource,
        authorizationServers: [authorizationServer.issuer],
        scopesSupported: [...SCOPES],
        bearerMethodsSupported: ['header'],
      },
    },
  })
  for (const { name, scope, definition } of TOOLS) {
    server.addTool({
      name,
      description: String(definition['description']),
      parameters: name === 'write_note' ? z.object({ text: z.string() }) : z.object({ id: z.number().int() }),
      canAccess: (auth) => auth.scopes.includes(scope),
      execute: () => Promise.resolve('done'),
    })
  }
  await server.start({
    transportType: 'httpStream',
    httpStream: { port, host: '127.0.0.1', endpoint: '/mcp', stateless: true, enableJsonResponse: true },
  })
  guarded.serve((request, response) => {
    const { method, url = '/', headers } = request
    const sent = forward(
      { host: '127.0.0.1', port, method, path: url, headers: { ...headers, host: `127.0.0.1:${port}` } },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      },
    )
    sent.on('error', () => void response.destroy())
    request.pipe(sent)
  })
  return {
    ...guarded,
    url: resource,
    async [Symbol.asyncDispose]() {
      await guarded[Symbol.asyncDispose]()
      await server.stop()
    },
  }
}

function quiet(): void {}

/** FastMCP sends a `Response` that `authenticate` throws as it is. */
function unauthorized(resource: string, isWithoutToken: boolean): Response {
  const { origin, pathname } = new URL(resource)
  const error = isWithoutToken ? '' : 'error="invalid_token", '
  const challenge = `Bearer ${error}resource_metadata="${origin}/.well-known/oauth-protected-resource${pathname}", scope="${LEAST_SCOPE}"`
  return new Response('{"error":"unauthorized"}', {
    status: 401,
    headers: { 'content-type': 'application/json', 'www-authenticate': challenge },
  })
}
