import type { ServerId } from '#core/ids.ts'
import { isToolClass, TOOL_CLASSES, type ToolClass } from '#core/tool-classes.ts'

/** A scope names a server and either a class of tools or one tool. There is no wildcard. */
export type Scope =
  | { readonly kind: 'class'; readonly server: ServerId; readonly toolClass: ToolClass }
  | { readonly kind: 'tool'; readonly server: ServerId; readonly tool: string }

/** Each class with the weaker ones it contains. Only these; `send`, `execute`, `financial` stand alone. */
const CONTAINS: Readonly<Record<ToolClass, readonly ToolClass[]>> = {
  read: [],
  write: ['read'],
  send: [],
  destructive: ['write', 'read'],
  execute: [],
  financial: [],
  admin: ['destructive', 'write', 'read'],
}

export function printClassScope(server: ServerId, toolClass: ToolClass): string {
  return `${server}:${toolClass}`
}

export function printToolScope(server: ServerId, tool: string): string {
  return `${server}:tool:${encodeURIComponent(tool)}`
}

/** Null for anything that is not exactly one of our two forms; callers treat null as "unknown scope". */
export function parseScope(text: string): Scope | null {
  const [server, second, third, ...rest] = text.split(':')
  if (!server || !/^[a-z0-9-]{1,63}$/.test(server) || second === undefined || rest.length > 0) return null
  if (third === undefined) {
    return isToolClass(second) ? { kind: 'class', server: server as ServerId, toolClass: second } : null
  }
  if (second !== 'tool' || third === '') return null
  try {
    const tool = decodeURIComponent(third)
    // One spelling per scope, so that comparing strings is comparing scopes.
    return encodeURIComponent(tool) === third ? { kind: 'tool', server: server as ServerId, tool } : null
  } catch {
    return null
  }
}

/** Splits an OAuth scope parameter (RFC 6749 §3.3) into its values, each once, in order. */
export function splitScopes(parameter: string | undefined): string[] {
  if (!parameter) return []
  return [...new Set(parameter.split(' ').filter((value) => value !== ''))]
}

export function classContains(held: ToolClass, needed: ToolClass): boolean {
  return held === needed || CONTAINS[held].includes(needed)
}

/** Whether the held scopes are enough for a tool of this class, by hierarchy or by the tool's own scope. */
export function scopesCover(
  held: Iterable<string>,
  server: ServerId,
  toolClass: ToolClass,
  tool: string | null,
): boolean {
  for (const text of held) {
    const scope = parseScope(text)
    if (scope === null || scope.server !== server) continue
    if (scope.kind === 'class' ? classContains(scope.toolClass, toolClass) : tool !== null && scope.tool === tool) {
      return true
    }
  }
  return false
}

/** Whether a scope asks for nothing beyond the held ones: it is one of them, or a class that a held class contains. */
export function scopeIsWithin(held: readonly string[], text: string): boolean {
  if (held.includes(text)) return true
  const scope = parseScope(text)
  return scope?.kind === 'class' && scopesCover(held, scope.server, scope.toolClass, null)
}

/** All class scopes of a server, weakest first. */
export function allClassScopes(server: ServerId): string[] {
  return TOOL_CLASSES.map((toolClass) => printClassScope(server, toolClass))
}
