import { originOf } from '#core/issuer-url.ts'
import type { Snapshot } from '#core/snapshot.ts'
import type { HttpExchange, Route } from './exchange.ts'
import { sendEmpty } from './respond.ts'

/** What a browser client may send and read. Credentials are never allowed: there is no Access-Control-Allow-Credentials here. */
const ALLOW_HEADERS =
  'authorization, dpop, content-type, mcp-protocol-version, mcp-session-id, last-event-id, mcp-method, mcp-name'
const EXPOSE_HEADERS = 'www-authenticate, dpop-nonce, mcp-session-id, mcp-protocol-version, retry-after'
const PREFLIGHT_SECONDS = '600'

/** Whether a browser page of this origin may use us. P itself may; everyone else must be configured. `null` never. */
export function originIsAllowed(origin: string, snapshot: Snapshot): boolean {
  return origin === originOf(snapshot.publicUrl) || snapshot.allowedOrigins.has(origin)
}

/** Lets configured origins read these routes' answers, and answers their preflights. Other origins get no CORS header at all. */
export function withCors(routes: readonly Route[], current: () => Snapshot): Route[] {
  const methodsByPath = new Map<string, string[]>()
  for (const route of routes) methodsByPath.set(route.path, [...(methodsByPath.get(route.path) ?? []), route.method])
  const preflights = [...methodsByPath].map(
    ([path, methods]): Route => ({
      method: 'OPTIONS',
      path,
      handler: async (exchange) => answerPreflight(exchange, methods, current()),
    }),
  )
  const wrapped = routes
    .filter((route) => route.method !== 'OPTIONS')
    .map(
      (route): Route => ({
        ...route,
        handler: async (exchange, parameters) => {
          allowOrigin(exchange, current())
          await route.handler(exchange, parameters)
        },
      }),
    )
  return [...wrapped, ...preflights]
}

function allowOrigin({ request, response }: HttpExchange, snapshot: Snapshot): boolean {
  response.setHeader('vary', 'origin')
  const origin = request.headers.origin
  if (origin === undefined || !originIsAllowed(origin, snapshot)) return false
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('access-control-expose-headers', EXPOSE_HEADERS)
  return true
}

function answerPreflight(exchange: HttpExchange, methods: readonly string[], snapshot: Snapshot): void {
  if (!allowOrigin(exchange, snapshot)) {
    sendEmpty(exchange.response, 403)
    return
  }
  sendEmpty(exchange.response, 204, {
    'access-control-allow-methods': methods.join(', '),
    'access-control-allow-headers': ALLOW_HEADERS,
    'access-control-max-age': PREFLIGHT_SECONDS,
  })
}
