import { expect, test } from 'vitest'
import { adviceOf, adviceOn } from '#audit/advice/advice-of.ts'
import { CHECKS } from '#audit/checks/all.ts'

/** OWASP MCP Top 10:2025, Agentic 2026, LLM 2025 and Non-Human Identities 2025 have ten each; NIST SP 800-207 §2.1 has seven tenets. */
const IDS = /^(?:MCP(?:0\d|10)|ASI(?:0[1-9]|10)|LLM(?:0[1-9]|10)|NHI(?:[1-9]|10)|CWE-[1-9]\d{0,3}|tenet-[1-7])$/

test.for(CHECKS)('each probe of check $number says why it matters, what to do, and where it is written', (check) => {
  const names = check.probes.map(({ name }) => name)
  const advised = adviceOn(check).flatMap(({ of }) => of.split(' '))
  expect(advised.toSorted()).toEqual([...new Set(names)].toSorted())
  const reasons = adviceOn(check).map(({ why }) => why)
  expect(new Set(reasons).size).toBeGreaterThanOrEqual(reasons.length - 1)
  for (const { of, why, fix, clauses, ids } of adviceOn(check)) {
    expect([of, ids.split(' ').filter((id) => !IDS.test(id))]).toEqual([of, []])
    expect([of, clauses.length > 0, clauses.every(({ section }) => section !== '')]).toEqual([of, true, true])
    expect([of, why.length > 20, fix.length > 12]).toEqual([of, true, true])
    expect(ids).toMatch(/^MCP/)
  }
})

test('a finding has its probe’s words, and the check’s for each stack', () => {
  const check = CHECKS[7]
  const probe = check?.probes.find(({ name }) => name === 'key-in-header')
  if (check === undefined || probe === undefined) throw new Error('no such probe')
  const { why, fixes, references } = adviceOf(check, probe)
  expect(why).toContain('brings its own key')
  expect(fixes.map(({ stack }) => stack)).toEqual(['any', 'jose', 'PyJWT'])
  expect(references.clauses).toEqual([
    { spec: 'RFC 8725', section: '3.10', url: 'https://www.rfc-editor.org/rfc/rfc8725#section-3.10' },
  ])
  expect([references.owaspMcp, references.cwe]).toEqual([['MCP07'], ['CWE-347', 'CWE-918']])
})
