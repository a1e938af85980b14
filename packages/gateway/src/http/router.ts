import type { HttpExchange, Route } from './exchange.ts'
import { sendText } from './respond.ts'

/** Answers one exchange by the route whose method and path match. */
export type Router = (exchange: HttpExchange) => Promise<void>

interface Node {
  readonly byMethod: Map<string, { readonly route: Route; readonly names: readonly string[] }>
  readonly literal: Map<string, Node>
  parameter: Node | null
}

/** Told of a request to an address of ours by a method that it does not take, before that is answered. */
export type OnMethodRefused = (exchange: HttpExchange) => Promise<void>

/**
 * Builds a router over fixed segments and `:parameters`. A parameter matches one non-empty segment and is handed over percent-decoded.
 * Literal segments win over parameters. Two routes for the same method and path are a bug and throw.
 */
export function createRouter(routes: readonly Route[], onMethodRefused: OnMethodRefused = async () => {}): Router {
  const root = node()
  for (const route of routes) add(root, route)
  return async (exchange) => {
    const segments = exchange.path.split('/').slice(1)
    const found = match(root, segments, [])
    if (found === null) {
      sendText(exchange.response, 404, `Nothing here. MCP servers are at /mcp/<id>. Request ${exchange.requestId}.\n`)
      return
    }
    const method = exchange.request.method ?? ''
    const entry = found.node.byMethod.get(method === 'HEAD' ? 'GET' : method)
    if (entry === undefined) {
      const allow = [...found.node.byMethod.keys()].join(', ')
      await onMethodRefused(exchange)
      sendText(exchange.response, 405, `This address takes ${allow}. Request ${exchange.requestId}.\n`, { allow })
      return
    }
    const parameters: Record<string, string> = {}
    for (const [index, name] of entry.names.entries()) parameters[name] = found.values[index] ?? ''
    await entry.route.handler(exchange, parameters)
  }
}

function node(): Node {
  return { byMethod: new Map(), literal: new Map(), parameter: null }
}

function add(root: Node, route: Route): void {
  const names: string[] = []
  let at = root
  for (const segment of route.path.split('/').slice(1)) {
    if (segment.startsWith(':')) {
      names.push(segment.slice(1))
      at.parameter ??= node()
      at = at.parameter
    } else {
      const next = at.literal.get(segment) ?? node()
      at.literal.set(segment, next)
      at = next
    }
  }
  if (at.byMethod.has(route.method)) throw new Error(`two routes for ${route.method} ${route.path}`)
  at.byMethod.set(route.method, { route, names })
}

function match(
  at: Node,
  segments: readonly string[],
  values: readonly string[],
): { node: Node; values: readonly string[] } | null {
  const [segment, ...rest] = segments
  if (segment === undefined) return at.byMethod.size > 0 ? { node: at, values } : null
  const literal = at.literal.get(segment)
  const byLiteral = literal ? match(literal, rest, values) : null
  if (byLiteral !== null) return byLiteral
  if (at.parameter === null || segment === '') return null
  const value = decode(segment)
  return value === null ? null : match(at.parameter, rest, [...values, value])
}

function decode(segment: string): string | null {
  try {
    return decodeURIComponent(segment)
  } catch {
    return null
  }
}
