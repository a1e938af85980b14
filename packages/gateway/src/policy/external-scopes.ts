import type { ExternalIssuer, ServerEntry } from '#core/snapshot.ts'
import { baselineScopes } from './decide.ts'
import { classContains, parseScope, printClassScope } from './scopes.ts'

/** Our scopes that values of the issuer's scope claim give at this server. Values that the configuration does not know give none. Pure. */
export function scopesFromValues(
  values: readonly string[],
  server: ServerEntry,
  issuer: ExternalIssuer,
): readonly string[] {
  const classes = values.flatMap((value) => issuer.scopes.get(value) ?? [])
  return [...new Set(classes.map((toolClass) => printClassScope(server.id, toolClass)))]
}

/** What a client asks that issuer for, to be given these scopes of ours: for each the value that gives least besides. Pure. */
export function valuesForScopes(scopes: readonly string[], issuer: ExternalIssuer): readonly string[] {
  const values = scopes.flatMap((text) => {
    const scope = parseScope(text)
    const toolClass = scope?.kind === 'class' ? scope.toolClass : null
    if (toolClass === null) return []
    const giving = [...issuer.scopes].filter(([, classes]) => classes.some((held) => classContains(held, toolClass)))
    const [least] = giving.toSorted(([, a], [, b]) => a.length - b.length)
    return least === undefined ? [] : [least[0]]
  })
  return [...new Set(values)]
}

/** The scopes that a server challenges and advertises with, in the words of whoever issues its tokens. */
export function advertisedScopes(
  server: ServerEntry,
  scopes: readonly string[] = baselineScopes(server),
): readonly string[] {
  return server.external == null ? scopes : valuesForScopes(scopes, server.external.issuer)
}
