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
