import type { ProtectedResource, Snapshot } from '#core/snapshot.ts'
import type { ToolClass } from '#core/tool-classes.ts'
import { isAdminApi } from '#policy/admin-api.ts'
import { scopesAllowed } from '#policy/decide.ts'
import { parseScope } from '#policy/scopes.ts'

export interface ScopeChoice {
  readonly scope: string
  readonly meaning:
    | { readonly kind: 'class'; readonly toolClass: ToolClass }
    | { readonly kind: 'tool'; readonly tool: string }
    /** Of the gateway's own admin API. */
    | { readonly kind: 'api'; readonly access: 'read' | 'write' }
  readonly isFarReaching: boolean
}

export interface ScopeChoices {
  /** Asked for and allowed by the role: shown ticked. */
  readonly asked: readonly ScopeChoice[]
  /** Allowed by the role, not asked for: shown unticked. */
  readonly more: readonly ScopeChoice[]
  /** Asked for, known, beyond the role: said, never offered. */
  readonly beyondRole: readonly string[]
}

const FAR_REACHING: ReadonlySet<ToolClass> = new Set(['destructive', 'execute', 'financial', 'admin'])

/** What a consent page may offer to somebody with these roles. Pure. */
export function scopeChoices(
  snapshot: Snapshot,
  roles: readonly string[],
  server: ProtectedResource,
  requested: readonly string[],
  /** Of those, what the login of now is enough for; by default all. */
  isWithinLogin: (scope: string) => boolean = () => true,
): ScopeChoices {
  const allowed = scopesAllowed(snapshot, roles, server).filter(
    (scope) => requested.includes(scope) || isWithinLogin(scope),
  )
  const choices = allowed.flatMap((scope) => choice(scope, server) ?? [])
  return {
    asked: choices.filter(({ scope }) => requested.includes(scope)),
    more: choices.filter(({ scope }) => !requested.includes(scope)),
    beyondRole: requested.filter((scope) => !allowed.includes(scope)),
  }
}

function choice(text: string, server: ProtectedResource): ScopeChoice | null {
  const scope = parseScope(text)
  if (scope === null) return null
  if (isAdminApi(server)) {
    // Whoever reads it learns about everybody here, so reading is marked as well.
    const access = scope.kind === 'class' && scope.toolClass === 'read' ? 'read' : 'write'
    return { scope: text, meaning: { kind: 'api', access }, isFarReaching: true }
  }
  if (scope.kind === 'class') {
    return {
      scope: text,
      meaning: { kind: 'class', toolClass: scope.toolClass },
      isFarReaching: FAR_REACHING.has(scope.toolClass),
    }
  }
  const toolClass = server.toolClasses.get(scope.tool)
  // A tool whose class nobody states is shown as far-reaching: unknown means careful.
  return {
    scope: text,
    meaning: { kind: 'tool', tool: scope.tool },
    isFarReaching: toolClass === undefined || FAR_REACHING.has(toolClass),
  }
}

export type ConsentDecision =
  | { readonly kind: 'allow'; readonly scopes: readonly string[] }
  | { readonly kind: 'deny' }
  | { readonly kind: 'undecided' }
  | { readonly kind: 'nothingTicked' }
  /** A posted scope is not among those the role allows now. */
  | { readonly kind: 'beyondRole'; readonly scopes: readonly string[] }

/** Reads a posted decision against what the role allows at this moment. Pure; anything unexpected allows nothing. */
export function readDecision(form: URLSearchParams, choices: ScopeChoices): ConsentDecision {
  const decision = form.get('decision')
  if (decision === 'deny') return { kind: 'deny' }
  if (decision !== 'allow') return { kind: 'undecided' }
  const posted = [...new Set(form.getAll('scope'))]
  if (posted.length === 0) return { kind: 'nothingTicked' }
  const offered = new Set([...choices.asked, ...choices.more].map(({ scope }) => scope))
  const beyond = posted.filter((scope) => !offered.has(scope))
  return beyond.length > 0 ? { kind: 'beyondRole', scopes: beyond } : { kind: 'allow', scopes: posted }
}
