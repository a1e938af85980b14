import { expect, test } from 'vitest'
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
