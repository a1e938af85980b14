import { describe, expect, it } from 'vitest'
import { classifyEra } from './classify-era.ts'
import { allMethods, findMethod } from './methods.ts'
import { isSessionIdSyntax } from './session-id.ts'

describe('methods of the legacy revisions', () => {
  it('are these, each once', () => {
    expect(allMethods().map(({ method }) => method)).toEqual([
      'initialize',
      'ping',
      'tools/list',
      'tools/call',
      'prompts/list',
      'prompts/get',
      'resources/list',
      'resources/templates/list',
      'resources/read',
      'resources/subscribe',
      'resources/unsubscribe',
      'completion/complete',
      'logging/setLevel',
      'sampling/createMessage',
      'roots/list',
      'elicitation/create',
      'notifications/initialized',
      'notifications/cancelled',
      'notifications/progress',
      'notifications/roots/list_changed',
      'notifications/message',
      'notifications/tools/list_changed',
      'notifications/prompts/list_changed',
      'notifications/resources/list_changed',
      'notifications/resources/updated',
      'notifications/elicitation/complete',
    ])
  })

  it.each([
    ['tools/call', 'request', 'server', '2025-11-25'],
    ['sampling/createMessage', 'request', 'client', '2025-11-25'],
    ['tools/call', 'notification', 'client', '2025-11-25'],
    ['notifications/cancelled', 'request', 'client', '2025-11-25'],
    ['elicitation/create', 'request', 'server', '2025-03-26'],
    ['notifications/elicitation/complete', 'notification', 'server', '2025-06-18'],
    ['tasks/get', 'request', 'client', '2025-11-25'],
    ['tasks/list', 'request', 'client', '2025-11-25'],
    ['server/discover', 'request', 'client', '2025-11-25'],
    ['TOOLS/CALL', 'request', 'client', '2025-11-25'],
    ['__proto__', 'request', 'client', '2025-11-25'],
  ] as const)('do not include %s as a %s from the %s in %s', (method, kind, sender, revision) => {
    expect(findMethod(method, kind, sender, revision)).toBeNull()
  })

  it('include elicitation since 2025-06-18, towards clients that declared it', () => {
    expect(findMethod('elicitation/create', 'request', 'server', '2025-06-18')?.receiverCapability).toBe('elicitation')
  })
})

describe('the era of a message', () => {
  const message = (params: object | null) => ({
    kind: 'request' as const,
    id: 1,
    method: 'tools/call',
    params: params as { [key: string]: string } | null,
    object: {},
  })
  const meta = { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } }

  it('is legacy for known headers, for none, and for other _meta', () => {
    for (const header of [null, '2025-03-26', '2025-06-18', '2025-11-25']) {
      expect(classifyEra(header, message({ _meta: { progressToken: 1 } }))).toEqual({ kind: 'legacy' })
    }
    expect(classifyEra(null, message(null))).toEqual({ kind: 'legacy' })
  })

  it('is modern when the body says so, whatever the header', () => {
    for (const header of [null, '2025-11-25', '2026-07-28']) {
      expect(classifyEra(header, message(meta))).toEqual({ kind: 'modern', claim: 'body', requested: '2026-07-28' })
    }
  })

  it('is modern when the header names a revision that we do not speak, whatever the body', () => {
    expect(classifyEra('2026-07-28', message(null))).toEqual({
      kind: 'modern',
      claim: 'header',
      requested: '2026-07-28',
    })
    expect(classifyEra('2024-11-05', message(null))).toEqual({
      kind: 'modern',
      claim: 'header',
      requested: '2024-11-05',
    })
  })

  it('names what was asked as it was asked, and nothing where that is no text', () => {
    for (const requested of ['x'.repeat(500), '', 'v999.0.0']) {
      const odd = { _meta: { 'io.modelcontextprotocol/protocolVersion': requested } }
      expect(classifyEra(null, message(odd))).toEqual({ kind: 'modern', claim: 'body', requested })
    }
    expect(classifyEra('v999.0.0', message(null))).toMatchObject({ claim: 'header', requested: 'v999.0.0' })
    for (const requested of [5, null, {}, ['2026-07-28']]) {
      const none = { _meta: { 'io.modelcontextprotocol/protocolVersion': requested } }
      expect(classifyEra('2026-07-28', message(none))).toEqual({ kind: 'modern', claim: 'body', requested: null })
    }
  })
})

describe('session ids', () => {
  it('are visible ASCII of bounded length', () => {
    expect(isSessionIdSyntax('kQ9~!"#')).toBe(true)
    for (const id of ['', 'a b', 'a\t', 'é', 'x'.repeat(257)]) expect(isSessionIdSyntax(id)).toBe(false)
  })
})
