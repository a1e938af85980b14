import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asServerId, type ServerId } from '#core/ids.ts'
import type { ServerEntry, Snapshot } from '#core/snapshot.ts'
import { TOOL_CLASSES, type ToolClass } from '#core/tool-classes.ts'
import { decide, scopesAllowed } from './decide.ts'
import { scopesCover } from './scopes.ts'

const files = asServerId('files')

function world(allow: Record<string, Record<string, readonly ToolClass[]>>): {
  snapshot: Snapshot
  server: ServerEntry
} {
  const roles = new Map(
    Object.entries(allow).map(([name, servers]) => [
      name,
      {
        name,
        admin: null,
        allow: new Map(Object.entries(servers).map(([id, classes]) => [id as ServerId, new Set(classes)])),
      },
    ]),
  )
  // Only what policy reads.
  const server = {
    id: files,
    toolScopes: new Set(['wipe']),
    toolClasses: new Map([['wipe', 'destructive']]),
    baselineClasses: ['read'],
  } as unknown as ServerEntry
  return { snapshot: { roles } as unknown as Snapshot, server }
}

describe('decide', () => {
  const { snapshot, server } = world({
    reader: { '*': ['read'] },
    writer: { files: ['write'] },
    fenced: { '*': TOOL_CLASSES, files: [] },
  })
  const ask = (roles: readonly string[], scopes: readonly string[], toolClass: ToolClass, tool: string | null = 'x') =>
    decide({ server, roles, scopes, toolClass, tool }, snapshot)

  it('permits what role and token both allow', () => {
    expect(ask(['reader'], ['files:read'], 'read')).toEqual({ kind: 'permit' })
    expect(ask(['writer'], ['files:write'], 'read')).toEqual({ kind: 'permit' })
  })

  it('asks for the full set when only the token lacks it', () => {
    expect(ask(['writer'], ['files:read'], 'write')).toEqual({
      kind: 'scopesMissing',
      scopes: ['files:read', 'files:write'],
    })
  })

  it('refuses what no role allows, whatever the token says', () => {
    expect(ask(['reader'], ['files:admin'], 'write')).toEqual({ kind: 'roleForbids' })
    expect(ask([], ['files:read'], 'read')).toEqual({ kind: 'roleForbids' })
    expect(ask(['stranger'], ['files:read'], 'read')).toEqual({ kind: 'roleForbids' })
  })

  it('lets an entry for a server replace the entry for all', () => {
    expect(ask(['fenced'], ['files:read'], 'read')).toEqual({ kind: 'roleForbids' })
  })

  it('names the scope of the tool where it has one of its own', () => {
    const { snapshot, server } = world({ all: { '*': TOOL_CLASSES } })
    expect(decide({ server, roles: ['all'], scopes: [], toolClass: 'destructive', tool: 'wipe' }, snapshot)).toEqual({
      kind: 'scopesMissing',
      scopes: ['files:tool:wipe'],
    })
  })

  it('never permits without both, for any roles and scopes', () => {
    const classes = fc.uniqueArray(fc.constantFrom(...TOOL_CLASSES))
    fc.assert(
      fc.property(classes, classes, fc.constantFrom(...TOOL_CLASSES), (allowed, held, needed) => {
        const { snapshot, server } = world({ some: { '*': allowed } })
        const scopes = held.map((toolClass) => `files:${toolClass}`)
        const decision = decide({ server, roles: ['some'], scopes, toolClass: needed, tool: null }, snapshot)
        const roleSays = scopesCover(scopesAllowed(snapshot, ['some'], server), files, needed, null)
        const tokenSays = scopesCover(scopes, files, needed, null)
        expect(decision.kind).toBe(!roleSays ? 'roleForbids' : tokenSays ? 'permit' : 'scopesMissing')
      }),
    )
  })
})
