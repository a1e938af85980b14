import { expect, test } from 'vitest'
import { openCanaryUpstream } from '#audit/upstream/canary-upstream.ts'
import { auditServer, linesOf } from '../mutants/support/audit-server.ts'
import { startConformanceFixture } from '../servers/conformance-fixture.ts'
import { startGateway } from '../servers/gateway.ts'

test.for([
  { name: 'over TLS', isTls: true, extra: '' },
  {
    name: 'for pages of one origin too',
    isTls: false,
    extra: ", allowedOrigins: ['https://client.sallyport-audit.example']",
  },
])('our gateway in front of a server of both eras earns A, $name', { timeout: 120_000 }, async ({ isTls, extra }) => {
  await using fixture = await startConformanceFixture()
  await using server = await startGateway({ notesUrl: fixture.url, isTls, extra })
  const report = await auditServer(server)
  expect(linesOf(report, 'fail', 'inconclusive')).toEqual([])
  expect([report.grade.letter, report.observations.eras]).toEqual(['A', ['modern', 'legacy']])
})

test('our gateway sends the token of no caller on to what is behind it', { timeout: 120_000 }, async () => {
  await using upstream = await openCanaryUpstream(0)
  await using server = await startGateway({ notesUrl: upstream.url })
  const report = await auditServer({ ...server, upstream })
  expect(linesOf(report, 'fail')).toEqual([])
  expect(linesOf(report, 'pass')).toContainEqual(
    expect.stringMatching(/^9 pass audience\.passed-on: not in any of \d+/),
  )
})
