import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asClientId, asGrantId, asRequestId, asServerId, asSubjectId, DEFAULT_TENANT } from '#core/ids.ts'
import { type CanonicalValue, canonicalJson } from './jcs.ts'
import { printRecord } from './record.ts'
import type { AuditActivity, AuditEvent } from './trail.ts'

const SPECIFICATION = readFileSync(new URL('../../../../docs/specs/audit-record.md', import.meta.url), 'utf8')
const rows = SPECIFICATION.split('\n').flatMap((line) => {
  const cells = /^\| (.*) \|$/.exec(line)?.[1]?.split(' | ')
  return cells === undefined ? [] : [cells]
})
const quoted = (text = '') => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '')

/** Every member that an event can have; the compiler refuses this when one is forgotten. */
const everything: Required<AuditEvent> = {
  tenant: DEFAULT_TENANT,
  activity: 'call.outcome',
  outcome: 'refused',
  reason: 'scopeInsufficient',
  requestId: asRequestId('01a1fcd8-3092-725e-a9e0-5543ab126101'),
  callId: 'call',
  subject: asSubjectId('subject'),
  clientId: asClientId('client'),
  grantId: asGrantId('01a1fcd8-3092-725e-a9e0-5543ab126102'),
  server: asServerId('files'),
  method: 'tools/call',
  tool: 'read_file',
  scopesAsked: ['files:write'],
  scopesGranted: ['files:read'],
  decision: { config: 'version' },
  detail: { status: 500 },
  personal: { address: '127.0.0.1' },
}
const print = (event: AuditEvent) =>
  JSON.parse(
    printRecord(event, { id: 'record', timeMs: 1, replica: 'run' }, 'commitment', {
      count: 2,
      firstMs: 1,
      lastMs: 2,
    }),
  ) as Readonly<Record<string, unknown>>

/** `decision` and `detail` hold what the activity needs. */
const OPEN_MEMBERS = ['unmapped.decision', 'unmapped.detail']

function membersOf(value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || OPEN_MEMBERS.includes(path)) return [path]
  return Object.entries(value).flatMap(([name, member]) => membersOf(member, path === '' ? name : `${path}.${name}`))
}

describe('docs/specs/audit-record.md', () => {
  it('names every member that a record can have, and no other', () => {
    const documented = rows.filter(([first]) => first?.startsWith('`') === true).flatMap(([first]) => quoted(first))
    expect(new Set(documented)).toEqual(new Set(membersOf(print(everything), '')))
  })

  it('names every activity under its class', () => {
    const classOf: Required<Record<AuditActivity, number>> = {
      setup: 3001,
      'account.create': 3001,
      'account.change': 3001,
      login: 3002,
      logout: 3002,
      authenticate: 3002,
      'provider.test': 3002,
      consent: 3003,
      'key.create': 3003,
      'key.rotate': 3003,
      'key.revoke': 3003,
      'token.issue': 3003,
      'token.refresh': 3003,
      'token.revoke': 3003,
      'grant.revoke': 3003,
      'client.register': 3004,
      'client.approve': 3004,
      'client.remove': 3004,
      'client.token.create': 3004,
      'client.token.revoke': 3004,
      'signingKey.change': 3004,
      'system.start': 6002,
      'system.recover': 6002,
      'system.stop': 6002,
      'config.applied': 6002,
      'config.rejected': 6002,
      'session.open': 6003,
      'session.close': 6003,
      'call.intent': 6003,
      'call.outcome': 6003,
      'request.refused': 6003,
      'log.read': 6003,
    }
    const documented = rows
      .filter(([first]) => /^\d+$/.test(first ?? ''))
      .flatMap(([number, , activities]) => quoted(activities).map((activity) => [activity, Number(number)]))
    expect(Object.fromEntries(documented)).toEqual(classOf)
    // The keys are the closed list, above.
    for (const activity of Object.keys(classOf) as AuditActivity[]) {
      expect(print({ ...everything, activity })['class_uid'], activity).toBe(classOf[activity])
    }
  })

  it.each([
    ['success', 1],
    ['refused', 2],
    ['failed', 2],
    ['unknown', 0],
  ] as const)('status %s has the number %d', (outcome, number) => {
    expect(print({ ...everything, outcome })).toMatchObject({ status: outcome, status_id: number })
    expect(SPECIFICATION).toContain(`\`${outcome}\` ${number}`)
  })
})

it('a record holds nothing of the personal side but its commitment', () => {
  expect(JSON.stringify(print(everything))).not.toContain('127.0.0.1')
})

describe('the printed record is canonical (RFC 8785)', () => {
  const canonical = (text: string) => canonicalJson(JSON.parse(text) as CanonicalValue)

  it('whatever its members hold, half surrogate pairs and unsorted or numeric names included', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string(),
      fc.constantFrom('\ud800', 'a\udc00b', '\\ud800', '\u2028"'),
    )
    const members = fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom('10', '9', 'b', 'a')),
      fc.oneof(text, fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean()),
    )
    fc.assert(
      fc.property(text, text, fc.array(text), members, members, (tool, method, scopesAsked, decision, detail) => {
        const event: AuditEvent = {
          ...everything,
          tool,
          method,
          scopesAsked,
          decision: decision as Record<string, string>,
          detail,
        }
        const printed = printRecord(event, { id: 'record', timeMs: 1 }, null, null)
        expect(printed).toBe(canonical(printed))
        expect(JSON.parse(printed)).toMatchObject({
          api: { operation: method.toWellFormed() },
          unmapped: { tool: tool.toWellFormed() },
        })
      }),
      { numRuns: 500 },
    )
  })

  it('and with every member, and with as few as there can be', () => {
    const stamp = { id: 'record', timeMs: 1, replica: 'run' }
    const full = printRecord(everything, stamp, 'commitment', { count: 2, firstMs: 1, lastMs: 2 })
    expect(full).toBe(canonical(full))
    const least = printRecord(
      { tenant: DEFAULT_TENANT, activity: 'system.start', outcome: 'success', requestId: null },
      { id: 'record', timeMs: 1 },
      null,
      null,
    )
    expect(least).toBe(
      '{"activity_name":"system.start","actor":{},"api":{},"class_uid":6002,"metadata":{"tenant_uid":"default","uid":"record"},' +
        '"schema":"sallyport.audit/1","status":"success","status_id":1,"time":1,"unmapped":{}}',
    )
  })

  it('a number that JSON cannot hold is a bug, and throws', () => {
    const print = () =>
      printRecord({ ...everything, detail: { status: Number.NaN } }, { id: 'r', timeMs: 1 }, null, null)
    expect(print).toThrow(TypeError)
  })
})
