import type { Audit } from '../audit.ts'
import { hasResult, resultOf } from '../exchange/answer.ts'
import type { Answer } from '../exchange/ask.ts'
import type { SafeCall } from '../options.ts'
import { fail, inconclusive, notApplicable, notTested, type Outcome, pass } from '../probe.ts'
import type { Era } from '../target/mcp-message.ts'

export const NO_SAFE_CALL = 'it needs a tool that may really be called (--safe-call)'

/** What the user says may be called: with every scope it is, and with the least one it is not, where it is not listed to that one. */
export async function callSafely(audit: Audit, era: Era): Promise<Outcome> {
  const { safeCalls } = audit.options
  if (safeCalls.length === 0) return notTested(NO_SAFE_CALL)
  const [full, least] = [await audit.logins.full(0), await audit.logins.least(0)]
  const listed = await audit.toolsFor(least.accessToken, era)
  const beyond = safeCalls.filter((call) => !listed.some(({ name }) => name === call.name))
  for (const call of beyond) {
    const done = await callTool(audit, era, call, full.accessToken)
    if (!isDone(done)) return inconclusive(`${call.name} does not run with every scope: ${done.failure ?? done.status}`)
    if (isDone(await callTool(audit, era, call, least.accessToken))) return fail(`${call.name} runs`)
  }
  return beyond.length === 0
    ? notApplicable('all of them are listed to the least token')
    : pass(`${beyond.length} refused`)
}

export function callTool(audit: Audit, era: Era, { name, arguments: given }: SafeCall, token: string): Promise<Answer> {
  return audit.call(era, { method: 'tools/call', params: { name, arguments: given }, token })
}

function isDone(answer: Answer): boolean {
  return hasResult(answer) && resultOf(answer)?.['isError'] !== true
}
