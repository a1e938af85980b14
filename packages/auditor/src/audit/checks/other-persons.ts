import type { Audit } from '../audit.ts'
import { hasResult, resultOf } from '../exchange/answer.ts'
import { fail, inconclusive, notApplicable, notTested, type Outcome, pass } from '../probe.ts'
import { type Era, INITIALIZE } from '../target/mcp-message.ts'
import { NO_SAFE_CALL } from './safe-calls.ts'

const TASKS = 'io.modelcontextprotocol/tasks'
const TASK_TTL_MS = 60_000

/** Tasks are found by their id alone: whoever has it must be told nothing that is not theirs. */
export async function readTask(audit: Audit, era: Era): Promise<Outcome> {
  const [first, second] = [await audit.logins.full(0), await audit.logins.full(1)]
  if (!(await hasTasks(audit, era, first.accessToken))) return notApplicable('there are no tasks')
  if (audit.options.safeCalls.length === 0) return notTested(NO_SAFE_CALL)
  const taskId = await beginTask(audit, era, first.accessToken)
  if (taskId === null) return inconclusive('no call that may be made begins a task')
  const get = (token: string) =>
    audit.call(era, { method: 'tasks/get', params: { taskId }, token, capabilities: CAN.task })
  if (!hasResult(await get(first.accessToken))) return inconclusive('nobody can read the task')
  return hasResult(await get(second.accessToken)) ? fail('the other person reads it') : pass('refused')
}

const CAN = {
  task: { extensions: { [TASKS]: {} } },
  answer: { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} },
} as const

async function hasTasks(audit: Audit, era: Era, token: string): Promise<boolean> {
  const asked = era === 'modern' ? { method: 'server/discover' } : { method: 'initialize', params: INITIALIZE }
  const capabilities = resultOf(await audit.call(era, { ...asked, token, sessionId: null }))?.['capabilities']
  const { tasks, extensions } = membersOf(capabilities)
  return era === 'modern' ? membersOf(extensions)[TASKS] !== undefined : tasks !== undefined
}

async function beginTask(audit: Audit, era: Era, token: string): Promise<string | null> {
  for (const { name, arguments: given } of audit.options.safeCalls) {
    const params = { name, arguments: given, ...(era === 'legacy' ? { task: { ttl: TASK_TTL_MS } } : {}) }
    const begun = resultOf(await audit.call(era, { method: 'tools/call', params, token, capabilities: CAN.task }))
    const id = begun?.['taskId'] ?? membersOf(begun?.['task'])['taskId']
    if (typeof id === 'string') return id
  }
  return null
}

/** 2026-07-28: a call that asks back hands out its state, and whoever brings it with answers goes on. The state is no proof of who that is. */
export async function goOnWithRound(audit: Audit): Promise<Outcome> {
  if (!audit.eras.includes('modern')) return notApplicable('2026-07-28 is not spoken')
  const { safeCalls } = audit.options
  if (safeCalls.length === 0) return notTested(NO_SAFE_CALL)
  const [first, second] = [await audit.logins.full(0), await audit.logins.full(1)]
  for (const { name, arguments: given } of safeCalls) {
    const call = async (token: string, more: Readonly<Record<string, unknown>>) =>
      resultOf(
        await audit.call('modern', {
          method: 'tools/call',
          params: { name, arguments: given, ...more },
          token,
          capabilities: CAN.answer,
        }),
      )
    const asked = await call(first.accessToken, {})
    if (asked === null) return inconclusive(`${name} does not run`)
    if (asked['resultType'] !== 'input_required' || typeof asked['requestState'] !== 'string') continue
    const reply = { requestState: asked['requestState'], inputResponses: repliesTo(asked['inputRequests']) }
    const theirs = await call(second.accessToken, reply)
    // Asked anew: the state was not taken for theirs.
    if (theirs !== null && theirs['resultType'] !== 'input_required')
      return fail(`${name} goes on for the other person`)
    return (await call(first.accessToken, reply)) === null
      ? inconclusive(`${name} goes on for nobody`)
      : pass('refused')
  }
  return notApplicable('no call that may be made asks back')
}

/** As little as can be said to each question. */
function repliesTo(requests: unknown): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(membersOf(requests)).map(([key, request]) => {
      const { method } = membersOf(request)
      if (method === 'elicitation/create') return [key, { action: 'decline' }]
      if (method === 'roots/list') return [key, { roots: [] }]
      return [key, { role: 'assistant', content: { type: 'text', text: 'sallyport-audit' }, model: 'none' }]
    }),
  )
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
