import { expect, test } from 'vitest'
import { redactText } from '#audit/exchange/redact.ts'
import { runAudit } from '#audit/run-audit.ts'
import type { AuditReport } from '#report/model.ts'
import { linesOf } from '../mutants/support/audit-server.ts'
import { Person } from '../mutants/support/person.ts'
import { startOidcProvider } from '../servers/oidc-provider.ts'
import { startSdkV2 } from '../servers/sdk-v2.ts'

interface Told {
  readonly report: AuditReport
  readonly lines: readonly string[]
}

/** Audits SDK v2 behind oidc-provider; each time somebody is told a code, `enter` does what they do. */
async function auditWith(
  devices: number,
  enter: (url: string, code: string, who: number) => Promise<unknown>,
): Promise<Told> {
  await using authorizationServer = await startOidcProvider('opaque')
  await using server = await startSdkV2(authorizationServer)
  const lines: string[] = []
  const told: (() => Promise<unknown>)[] = []
  let isSecondTime = false
  let people = 0
  let code: string | null = null
  const report = await runAudit({
    url: server.url,
    isPublic: false,
    mayWrite: true,
    people: [],
    tokens: [],
    devices,
    client: null,
    otherResource: null,
    foreignTokens: [],
    safeCalls: [],
    upstream: null,
    requestsPerSecond: 0,
    timeoutMs: 3000,
    authority: null,
    patienceSeconds: 0,
    // People do it between the first and the second question whether they have.
    wait: async (ms) => {
      server.advance(ms)
      if (isSecondTime) for (const enterNow of told.splice(0)) await enterNow()
      isSecondTime = told.length > 0
    },
    version: '0.0.0',
    startedAt: new Date(),
    progress: (line) => {
      lines.push(line)
      const [given, who] = [code, people]
      if (given !== null) told.push(() => enter(line, given, who))
      if (given !== null) people += 1
      code = / and enter ([A-Z0-9-]+):$/.exec(line)?.[1] ?? null
    },
  })
  return { report, lines }
}

const approve = (url: string, code: string, who: number) =>
  new Person(who === 0 ? 'alice' : 'bob').approve(`${url}?user_code=${code}`)

test('people who log in on another device are two identities, and what opens anything stays secret', async () => {
  const { report, lines } = await auditWith(2, approve)
  expect(linesOf(report, 'fail', 'inconclusive')).toEqual([])
  expect(report.access).toBe('two logins')
  expect(report.checks.find(({ slug }) => slug === 'token-validation')?.verdict).toBe('pass')
  const codes = lines.flatMap((line) => / and enter ([A-Z0-9-]+):$/.exec(line)?.[1] ?? [])
  expect(codes).toHaveLength(2)
  for (const code of codes) expect(JSON.stringify(report)).not.toContain(code)
})

test('a person who says no leaves what needs a login undecided, never passed', async () => {
  const { report } = await auditWith(1, async (url, code) => {
    // oidc-provider is told no on its own page.
    const page = await fetch(`${url}?user_code=${code}`)
    const cookie = page.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; ')
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(await page.text())?.[1] ?? ''
    const body = new URLSearchParams({ xsrf, user_code: code, abort: 'yes' })
    await fetch(url, { method: 'POST', headers: { cookie }, body, redirect: 'manual' })
  })
  expect(report.access).toBe('one login')
  expect(linesOf(report, 'inconclusive').join('\n')).toContain('access_denied')
  expect(report.checks.find(({ slug }) => slug === 'scopes')?.verdict).toBe('inconclusive')
})

test('what a device code is does not stand in an exchange that a report shows', () => {
  const answer = '{"device_code":"GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS","user_code":"WDJB-MJHT"}'
  for (const text of [answer, 'grant_type=x&device_code=GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS'])
    expect(redactText(text)).not.toMatch(/GmRh|WDJB/)
})
