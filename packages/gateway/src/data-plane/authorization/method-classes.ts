import type { ToolClass } from '#core/tool-classes.ts'

/**
 * What a message from a client needs:
 * a class of this server; `anyCaller`: a valid token for this server is enough, because nothing of the server's data comes back or the
 * answer is filtered by role (`tools/list`); `byTool`: the class of the tool that it names.
 */
export type MethodNeed = ToolClass | 'anyCaller' | 'byTool'

/** Every method and notification that a client may send. What is not here is refused, `tasks/*` of 2025-11-25 included. */
const NEEDS: ReadonlyMap<string, MethodNeed> = new Map<string, MethodNeed>([
  ['initialize', 'anyCaller'],
  ['server/discover', 'anyCaller'],
  ['ping', 'anyCaller'],
  ['logging/setLevel', 'anyCaller'],
  ['tools/list', 'anyCaller'],
  ['tools/call', 'byTool'],
  ['prompts/list', 'read'],
  ['prompts/get', 'read'],
  ['resources/list', 'read'],
  ['resources/templates/list', 'read'],
  ['resources/read', 'read'],
  ['resources/subscribe', 'read'],
  ['resources/unsubscribe', 'read'],
  ['completion/complete', 'read'],
  ['subscriptions/listen', 'read'],
  ['notifications/initialized', 'anyCaller'],
  ['notifications/cancelled', 'anyCaller'],
  ['notifications/progress', 'anyCaller'],
  ['notifications/roots/list_changed', 'anyCaller'],
])

/** Null: unmapped, and so refused. */
export function needOf(method: string): MethodNeed | null {
  return NEEDS.get(method) ?? null
}
