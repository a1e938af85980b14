import { expect, test } from 'vitest'
import type { AuditReport } from '#report/model.ts'
import type { ReferenceOptions } from '../mutants/reference/start.ts'
import { type Audited, auditServer, linesOf } from '../mutants/support/audit-server.ts'
import { startWhole } from '../mutants/support/start-whole.ts'
import { startConformanceFixture } from '../servers/conformance-fixture.ts'
import { startFastMcp } from '../servers/fastmcp.ts'
import { startGateway } from '../servers/gateway.ts'
import { startOidcProvider } from '../servers/oidc-provider.ts'
import { startPublicNotes } from '../servers/public-notes.ts'
import { startSdkV1 } from '../servers/sdk-v1.ts'
import { startSdkV2 } from '../servers/sdk-v2.ts'

/** Audits it: no failure, nothing undecided, and every check that applies is tested. */
async function expectCorrect(server: Audited): Promise<AuditReport> {
  const report = await auditServer(server)
  expect(linesOf(report, 'fail', 'inconclusive')).toEqual([])
  expect(report.outcome).toBe('audited')
  return report
}

test.for<{ name: string; options: ReferenceOptions; eras: string[] }>([
  { name: 'one origin for all', options: {}, eras: ['modern', 'legacy'] },
  { name: 'over TLS', options: { isTls: true }, eras: ['modern', 'legacy'] },
  {
    name: 'its authorization server elsewhere, under a path',
    options: { isSplit: true, issuerPath: '/as' },
    eras: ['modern', 'legacy'],
  },
  {
    name: 'the issuer under a path of the same origin',
    options: { issuerPath: '/tenants/harbour' },
    eras: ['modern', 'legacy'],
  },
  { name: 'under a longer path', options: { mcpPath: '/teams/harbour/mcp' }, eras: ['modern', 'legacy'] },
  { name: '2026-07-28 alone', options: { eras: ['modern'] }, eras: ['modern'] },
  { name: 'sessions alone', options: { eras: ['legacy'] }, eras: ['legacy'] },
])('the reference, $name, earns A', async ({ options, eras }) => {
  await using server = await startWhole(options)
  const report = await expectCorrect(server)
  expect([report.grade.letter, report.grade.score, report.observations.eras]).toEqual(['A', 100, eras])
})

/** Neither was told to look at it: JWTs are taken as they are, and what opaque ones are bound to is seen when they are introspected. */
const DPOP = {
  jwt: 'DPoP is offered (RFC 9449) and not enforced: a bound token opens the server without its key',
  opaque: 'DPoP is offered (RFC 9449), and the server takes no bound token, with its key or without',
} as const

test.for([
  { name: 'SDK v1, its bearer middleware on Express, and oidc-provider with JWTs', format: 'jwt', start: startSdkV1 },
  { name: 'SDK v2 and oidc-provider with opaque tokens', format: 'opaque', start: startSdkV2 },
  { name: 'FastMCP behind a proxy, and oidc-provider with opaque tokens', format: 'opaque', start: startFastMcp },
] as const)('$name has no failure', { timeout: 60_000 }, async ({ format, start }) => {
  await using authorizationServer = await startOidcProvider(format)
  await using server = await start(authorizationServer)
  await using other = await start(authorizationServer)
  const { url, advance } = server
  const { grade, notes } = await expectCorrect({ url, secondUrl: other.url, authority: null, advance })
  expect(notes[0]).toBe(DPOP[format])
  expect([grade.cap, grade.coverage.tested]).toEqual([null, 12])
})

test.for([
  { name: 'SDK v2 for everybody', start: startPublicNotes },
  { name: 'the conformance fixture', start: startConformanceFixture },
])('$name, which is meant to be public, has no failure', async ({ start }) => {
  await using server = await start()
  const { grade } = await expectCorrect({ url: server.url, secondUrl: null, authority: null, isPublic: true })
  expect(grade.cap).toBe(null)
})

test('our gateway earns A', { timeout: 90_000 }, async () => {
  await using server = await startGateway()
  const { grade, notes } = await expectCorrect(server)
  expect([grade.letter, grade.coverage.tested]).toEqual(['A', 12])
  expect(notes).toEqual([
    'DPoP is offered (RFC 9449) and enforced: a bound token is refused without its key',
    'Pushed authorization requests are offered (RFC 9126)',
    'Clients may prove who they are with a key (private_key_jwt, RFC 7523)',
    'Client ID Metadata Documents are accepted',
    '2 keys are published: they can be changed without a gap',
  ])
})
