import type { Audit } from '../audit.ts'
import { challengeOf, errorCodeOf, hasResult, resultOf } from '../exchange/answer.ts'
import { any, fix, mcp, references, rfc } from '../knowledge.ts'
import { tokensOf } from '../login/tokens.ts'
import { type Check, fail, inconclusive, notApplicable, type Outcome, pass, warn } from '../probe.ts'
import type { Era } from '../target/mcp-message.ts'
import { type ExcludedTool, excludedTool, excludedTools } from './excluded-tool.ts'
import { goOnWithRound, readTask } from './other-persons.ts'
import { callSafely } from './safe-calls.ts'

const clauses = [
  rfc(6750, '3.1'),
  rfc(6749, '6'),
  mcp('basic/authorization', 'Scope Challenge Handling'),
  mcp('basic/transports/streamable-http', 'Server Validation'),
]
const HEADER_MISMATCH = -32020

/** What a token may, and whose things it may see. */
export const scopes: Check = {
  number: 10,
  slug: 'scopes',
  title: 'Scopes are enforced for each tool, and people see their own things',
  rationale:
    'A token with little scope is worth little only if every call is judged, whatever header, wire or refresh is used.',
  clauses,
  weight: 9,
  why: 'A token that was given for reading deletes, or reads what belongs to somebody else.',
  fixes: [
    any(
      'Judge the tool that the body names against the scopes of the token before its arguments are looked at; refuse headers that say something else.',
    ),
    fix('TypeScript SDK', 'registerTool(name, { scopeChallenge: requireScopes(scope) }, handler)'),
  ],
  references: references(clauses, 'MCP02', 'MCP07', 'ASI02', 'ASI03', 'LLM06', 'NHI5', 'CWE-862', 'CWE-639'),
  excuse: ({ target }) => (target.demandsToken ? null : 'the server asks for no token'),
  probes: [
    {
      name: 'tool',
      promise: 'a tool beyond the scopes is refused',
      problem: 'A tool beyond the scopes of the token can be called',
      severity: 'high',
      need: 'login',
      isPerEra: true,
      run: callExcludedOnes,
    },
    {
      name: 'safe-call',
      promise: 'a tool beyond the scopes is refused when it is called as it should be',
      problem: 'Called as it should be, a tool beyond the scopes runs',
      severity: 'high',
      need: 'login',
      isPerEra: true,
      run: callSafely,
    },
    {
      name: 'step-up-names-more',
      promise: 'the challenge for a tool names what the token lacks',
      problem: 'The challenge for a tool names nothing that the token lacks',
      severity: 'low',
      need: 'login',
      isPerEra: true,
      run: judgeChallenges,
    },
    {
      name: 'before-arguments',
      promise: 'scopes are judged before arguments are looked at',
      problem: 'Arguments are looked at before scopes',
      severity: 'medium',
      need: 'login',
      isPerEra: true,
      run: async (audit, era) => {
        const excluded = await excludedTool(audit, era)
        if (excluded === null) return notApplicable('no tool is beyond the least scope')
        const params = { name: excluded.name, arguments: excluded.unfit }
        const answer = await audit.call(era, { method: 'tools/call', params, token: excluded.token })
        if (answer.status === 403 || answer.status === 401 || hasResult(answer)) return pass(`${answer.status}`)
        // A tool that does not exist for this token, and one that does not exist, are told the same way.
        const unknown = await audit.call(era, {
          method: 'tools/call',
          params: { ...params, name: `${excluded.name}-sallyport-audit` },
          token: excluded.token,
        })
        const same =
          answer.status === unknown.status &&
          answer.text.replaceAll(excluded.name, '') === unknown.text.replaceAll(`${excluded.name}-sallyport-audit`, '')
        return same
          ? pass('as if there were no such tool')
          : fail(`answered with ${answer.status} ${errorCodeOf(answer) ?? ''}`)
      },
    },
    {
      name: 'header-names-other-tool',
      promise: 'the tool that the body names is the one that is judged',
      problem: 'The tool that a header names is judged in place of the one that is called',
      severity: 'critical',
      need: 'login',
      run: async (audit) => {
        if (!audit.eras.includes('modern')) return notApplicable('2026-07-28 is not spoken')
        const excluded = await excludedTool(audit, 'modern')
        if (excluded?.allowed == null) return notApplicable('no tool is beyond the least scope')
        const answer = await audit.call('modern', {
          method: 'tools/call',
          params: { name: excluded.name, arguments: excluded.unfit },
          token: excluded.token,
          headers: [['mcp-name', excluded.allowed]],
        })
        if (answer.status === 400 && errorCodeOf(answer) === HEADER_MISMATCH) return pass('HeaderMismatch')
        return answer.status === 403 || answer.status === 401
          ? pass(`${answer.status}`)
          : fail(`answered with ${answer.status} ${errorCodeOf(answer) ?? ''}`)
      },
    },
    {
      name: 'headers-match-body',
      promise: 'headers that say something else than the body are refused',
      problem: 'Headers that say something else than the body are taken',
      severity: 'medium',
      need: 'login',
      run: async (audit) => {
        if (!audit.eras.includes('modern')) return notApplicable('2026-07-28 is not spoken')
        const { accessToken } = await audit.logins.full(0)
        const answer = await audit.call('modern', {
          method: 'tools/list',
          token: accessToken,
          headers: [['mcp-method', 'prompts/list']],
        })
        return hasResult(answer)
          ? fail('answered with a result')
          : pass(`${answer.status} ${errorCodeOf(answer) ?? ''}`)
      },
    },
    {
      name: 'more-than-asked',
      promise: 'a login brings no more scopes than were asked for',
      problem: 'A login brings more scopes than were asked for',
      severity: 'medium',
      need: 'login',
      run: async (audit) => {
        const tokens = await audit.logins.least(0)
        const asked = audit.logins.leastScopes
        const more = tokens.scopes.filter((scope) => !asked.includes(scope))
        if (asked.length === 0) return notApplicable('no scope is named')
        return more.length === 0 ? pass('no more') : fail(more.join(', '))
      },
    },
    {
      name: 'wider-at-refresh',
      promise: 'a refresh brings no wider scope',
      problem: 'A refresh brings a wider scope',
      severity: 'high',
      need: 'login',
      run: async (audit) => {
        const asked = audit.logins.leastScopes
        const wider = audit.logins.allScopes.find((scope) => !asked.includes(scope))
        if (wider === undefined) return notApplicable('there is no wider scope')
        // Refused, it changes nothing; and whoever needs these tokens after this logs in anew where they have ended.
        const tokens = await audit.logins.least(0)
        if (tokens.refreshToken === null) return notApplicable('there are no refresh tokens')
        const answer = await audit.logins.refresh(tokens, { scope: [...asked, wider].join(' ') })
        const refreshed = tokensOf(answer, tokens.client)
        if (refreshed === null) return pass(`${answer.status}`)
        // Without a word on scopes they are those that were asked for (RFC 6749 §5.1).
        return refreshed.scopes.length === 0 || refreshed.scopes.includes(wider) ? fail(wider) : pass('the scope stays')
      },
    },
    {
      name: 'other-persons-things',
      promise: 'what one person sees is not for another',
      problem: 'One person reads what belongs to another',
      severity: 'critical',
      need: 'two logins',
      isPerEra: true,
      run: readOthers,
    },
    {
      name: 'other-persons-task',
      promise: 'a task is for the person alone who began it',
      problem: 'One person reads the task of another',
      severity: 'critical',
      need: 'two logins',
      isPerEra: true,
      run: readTask,
    },
    {
      name: 'other-persons-round',
      promise: 'a call that asks back is gone on with by the same person alone',
      problem: 'One person goes on with the call of another',
      severity: 'high',
      need: 'two logins',
      run: goOnWithRound,
    },
  ],
}

/** Every one of them: one that was forgotten is enough. */
async function callExcludedOnes(audit: Audit, era: Era): Promise<Outcome> {
  const { tools, left } = await excludedTools(audit, era)
  const rest = left === 0 ? '' : `; ${left} more were not called`
  if (tools.length === 0)
    return left === 0
      ? notApplicable('no tool is beyond the least scope')
      : inconclusive('no tool beyond the least scope can be called without effect')
  const seen: Outcome[] = []
  for (const tool of tools) {
    const { verdict, detail } = await callExcluded(audit, era, tool)
    if (verdict === 'fail') return fail(`${tool.name}: ${detail}`)
    seen.push({ verdict, detail: `${tool.name}: ${detail}` })
  }
  return seen.find(({ verdict }) => verdict === 'inconclusive') ?? pass(`${tools.length} refused${rest}`)
}

async function callExcluded(audit: Audit, era: Era, excluded: ExcludedTool): Promise<Outcome> {
  const { name, unfit, token } = excluded
  const answer = await audit.call(era, { method: 'tools/call', params: { name, arguments: unfit }, token })
  if (answer.status === 403 || answer.status === 401) return pass(`${answer.status}`)
  if (answer.failure !== null || answer.status === 429) return inconclusive(answer.failure ?? '429')
  const unknown = await audit.call(era, {
    method: 'tools/call',
    params: { name: `${name}-sallyport-audit`, arguments: unfit },
    token,
  })
  const same =
    answer.status === unknown.status &&
    answer.text.replaceAll(excluded.name, '') === unknown.text.replaceAll(`${excluded.name}-sallyport-audit`, '')
  if (same) return pass('as if there were no such tool')
  const isRefusal =
    resultOf(answer)?.['isError'] === true &&
    /scope|permission|not allowed|forbidden|denied|unauthorized/i.test(answer.text)
  if (isRefusal) return pass('refused in the result')
  // The arguments are wrong: that they were complained about means that the scope was not.
  const looked = /argument|required|invalid|valid/i.test(answer.text) && !hasResult(answer)
  return looked ? await withFullToken(audit, excluded, answer.text) : fail(`answered with ${answer.status}`)
}

/** The same complaint that a token with every scope gets: the scope made no difference, or arguments come first. */
async function withFullToken(audit: Audit, { era, name, unfit }: ExcludedTool, text: string): Promise<Outcome> {
  const { accessToken } = await audit.logins.full(0)
  const answer = await audit.call(era, { method: 'tools/call', params: { name, arguments: unfit }, token: accessToken })
  const isListed = (await audit.toolsFor((await audit.logins.least(0)).accessToken, era)).some(
    (tool) => tool.name === name,
  )
  if (answer.text !== text) return pass('refused')
  return isListed
    ? fail('the scopes of the token make no difference')
    : fail('the arguments of a tool that is not listed are looked at')
}

/** MCP: the challenge SHOULD name the scopes that the operation needs; one that names none that is missing leads in a circle. */
async function judgeChallenges(audit: Audit, era: Era): Promise<Outcome> {
  const { tools } = await excludedTools(audit, era)
  let seen = 0
  for (const { name, unfit, token, scopes: granted } of tools) {
    const answer = await audit.call(era, { method: 'tools/call', params: { name, arguments: unfit }, token })
    const challenged = answer.status === 403 ? challengeOf(answer, 'bearer')?.get('scope') : undefined
    if (challenged === undefined) continue
    seen += 1
    const held = granted.length > 0 ? granted : audit.logins.leastScopes
    if (challenged.split(' ').every((scope) => held.includes(scope))) return warn(`${name}: ${challenged}`)
  }
  return seen === 0 ? notApplicable('no challenge names scopes') : pass(`${seen} challenges`)
}

async function readOthers(audit: Audit, era: Era): Promise<Outcome> {
  const [first, second] = [await audit.logins.full(0), await audit.logins.full(1)]
  const listOf = async (token: string) => {
    const listed = resultOf(await audit.call(era, { method: 'resources/list', token }))?.['resources']
    return (Array.isArray(listed) ? listed : []).flatMap((one: unknown) => {
      const uri = (one as { uri?: unknown } | null)?.uri
      return typeof uri === 'string' ? [uri] : []
    })
  }
  const [theirs, own] = [await listOf(first.accessToken), await listOf(second.accessToken)]
  const uri = theirs.find((one) => !own.includes(one))
  if (uri === undefined) return notApplicable('both see the same resources')
  const answer = await audit.call(era, { method: 'resources/read', params: { uri }, token: second.accessToken })
  return hasResult(answer) ? fail('the other person reads it') : pass(`${answer.status}`)
}
