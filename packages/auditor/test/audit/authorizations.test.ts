import { expect, test } from 'vitest'
import { runAudit } from '#audit/run-audit.ts'
import { linesOf, optionsFor } from '../mutants/support/audit-server.ts'
import { startWhole } from '../mutants/support/start-whole.ts'

/** People click through each of these. */
const AUTHORIZATIONS_MAX = 14

test('a whole audit asks two people for few authorizations, and decides everything', async () => {
  await using server = await startWhole()
  const options = optionsFor(server)
  const asked: string[] = []
  const people = options.people.map((person, who) => ({
    ...person,
    authorize: (url: string, how: { readonly isHandsOff: boolean }) => {
      asked.push(`person ${who}`)
      return person.authorize(url, how)
    },
  }))
  const report = await runAudit({ ...options, people })
  expect(linesOf(report, 'fail', 'warn', 'inconclusive', 'not tested')).toEqual([])
  expect(asked.length).toBeLessThanOrEqual(AUTHORIZATIONS_MAX)
})

test('where a code is used up by whatever is tried with it, each attempt gets one of its own', async () => {
  await using correct = await startWhole({ burnsCodes: true })
  const report = await runAudit(optionsFor(correct))
  expect(linesOf(report, 'fail', 'warn', 'inconclusive', 'not tested')).toEqual([])
  await using flawed = await startWhole({ burnsCodes: true, flaw: 'pkce-verifier-left-out' })
  const found = await runAudit(optionsFor(flawed))
  expect(linesOf(found, 'fail')).toEqual(['5 fail pkce.missing-verifier: tokens were given'])
})

test('a finding shows what was sent for it, also when it was sent along with something else', async () => {
  await using server = await startWhole({ flaw: 'pkce-verifier-left-out' })
  const { findings } = await runAudit(optionsFor(server))
  const bodies = findings.map(({ evidence }) => evidence.exchanges.map(({ request }) => request.body ?? ''))
  expect(bodies).toEqual([[expect.not.stringContaining('code_verifier')]])
})
