import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Answer } from '#audit/exchange/ask.ts'
import { type Question, type Tape, worldTape } from '#audit/exchange/tape.ts'
import type { AuditOptions } from '#audit/options.ts'
import { runAudit } from '#audit/run-audit.ts'
import type { AuditReport } from '#report/model.ts'
import { type ReferenceOptions, startReference } from '../mutants/reference/start.ts'
import { optionsFor } from '../mutants/support/audit-server.ts'

/** What a server answers that cannot answer: it says nothing about tokens, redirects or challenges. */
const DOWN: Pick<Answer, 'status' | 'headers' | 'text'> = { status: 503, headers: [], text: 'busy' }
const REFUSED: Pick<Answer, 'status' | 'headers' | 'text'> = {
  status: 401,
  headers: [['www-authenticate', 'Bearer error="invalid_token"']],
  text: '',
}

/** Audits the reference over a network that answers some questions otherwise. */
async function auditWith(
  change: (question: Question) => Pick<Answer, 'status' | 'headers' | 'text'> | null,
  options: ReferenceOptions = {},
  people?: (people: AuditOptions['people']) => AuditOptions['people'],
): Promise<(code: string) => string[]> {
  await using reference = await startReference(options)
  const world = worldTape(randomBytes(32))
  const tape: Tape = {
    ...world,
    answer: async (question, ask) => {
      const seen = await ask()
      const other = change(question)
      return other === null ? seen : { ...seen, answer: { ...seen.answer, ...other } }
    },
  }
  const given = optionsFor({ ...reference, isPatient: true })
  const report = await runAudit({ ...given, people: people?.(given.people) ?? given.people }, tape)
  return (code) => verdictsOf(report, code)
}

function verdictsOf({ checks }: AuditReport, code: string): string[] {
  return checks.flatMap(({ probes }) => probes.filter((probe) => probe.code === code).map(({ verdict }) => verdict))
}

const isAt = ({ label, what }: Question, prefix: string, path: string) =>
  label.startsWith(prefix) && new RegExp(`${path}(?:\\?|$)`).test(what)

test('a resource that is down has refused no token', async () => {
  const verdicts = await auditWith((question) =>
    isAt(question, 'audience.', '/mcp') || isAt(question, 'lifetime.', '/mcp') ? DOWN : null,
  )
  for (const code of ['audience.other-resource-here', 'audience.this-resource-there', 'lifetime.reuse-ends-access'])
    expect([code, verdicts(code)]).toEqual([code, ['inconclusive']])
  expect(verdicts('lifetime.revoked-access')).toEqual(['inconclusive'])
})

test('a resource that refuses everybody has not told a token of its own from another one’s', async () => {
  const verdicts = await auditWith((question) => (/^POST \S+\/mcp$/.test(question.what) ? REFUSED : null))
  for (const code of ['audience.other-resource-here', 'audience.this-resource-there', 'lifetime.reuse-ends-access'])
    expect([code, verdicts(code)]).toEqual([code, ['inconclusive']])
})

test('an authorization server that is down has demanded no challenge and kept no redirect', async () => {
  const verdicts = await auditWith((question) =>
    isAt(question, 'pkce.', '/authorize') || isAt(question, 'redirect.', '/authorize') ? DOWN : null,
  )
  for (const code of ['pkce.required', 'pkce.plain', 'redirect.unregistered', 'redirect.twice'])
    expect([code, verdicts(code)]).toEqual([code, ['inconclusive']])
})

test('an endpoint that is down has not asked for a token', async () => {
  const verdicts = await auditWith((question) => (question.label.startsWith('authentication-required.') ? DOWN : null))
  for (const name of ['tools-call-modern', 'batch', 'get', 'admin', 'trailing-slash'])
    expect([name, verdicts(`authentication-required.${name}`)]).toEqual([name, ['inconclusive']])
})

test.for([
  ['nobody says what became of it', null, 'inconclusive'],
  ['the person sees that it goes no further', 'page', 'pass'],
] as const)('%s: %s', async ([, end, verdict]) => {
  let logins = 0
  const verdicts = await auditWith(
    () => null,
    { flaw: 'pkce-not-required' },
    (people) =>
      people.map((person) => ({
        ...person,
        authorize: async (url, options) => {
          const isOdd = options.isHandsOff || !url.includes('code_challenge=')
          logins += 1
          return isOdd ? end : await person.authorize(url, options)
        },
      })),
  )
  expect(logins).toBeGreaterThan(3)
  expect([verdicts('pkce.required'), verdicts('registration.consent')]).toEqual([[verdict], [verdict]])
})
