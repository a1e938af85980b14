import { createHash } from 'node:crypto'
import type { Audit } from '../audit.ts'
import type { Answer } from '../exchange/ask.ts'
import type { Client, Code } from '../login/tokens.ts'
import { tokensOf } from '../login/tokens.ts'
import { fail, inconclusive, notApplicable, type Outcome, pass } from '../probe.ts'

/** Ways to redeem a code that have to be refused, each wrong in one thing. Null where it can not be tried. */
const ATTEMPTS = {
  'wrong-verifier': ({ logins }: Audit, code: Code) =>
    logins.redeem(code, { code_verifier: 'sallyport-audit-wrong-verifier-0123456789-abcdef' }),
  'missing-verifier': ({ logins }: Audit, code: Code) => logins.redeem(code, { code_verifier: null }),
  'challenge-as-verifier': ({ logins }: Audit, code: Code) => logins.redeem(code, { code_verifier: challengeOf(code) }),
  'to-other-redirect': ({ logins }: Audit, code: Code) =>
    logins.redeem(code, { redirect_uri: 'https://elsewhere.sallyport-audit.example/callback' }),
  'of-other-client': ({ logins }: Audit, code: Code, other: Client) => logins.redeem(code, {}, other),
} as const satisfies Readonly<Record<string, (audit: Audit, code: Code, other: Client) => Promise<Answer>>>

export type CodeAttempt = keyof typeof ATTEMPTS

type Outcomes = ReadonlyMap<CodeAttempt, Outcome>

const stories = new WeakMap<Audit, Promise<Outcomes>>()

/** Whether a code can be redeemed in one of these ways. All are tried when the first one is asked for, with as few codes as tell. */
export async function judgeCodeAttempt(audit: Audit, name: CodeAttempt): Promise<Outcome> {
  if (audit.options.people.length === 0) return notApplicable('no code to try with')
  const known = stories.get(audit) ?? tryAll(audit)
  stories.set(audit, known)
  return (await known).get(name) ?? inconclusive('no code was given')
}

/**
 * One code does for all that are refused, if it still works after them: then none of them was refused because an earlier one had used it up.
 * Where it does not, each is tried again with a code of its own.
 */
async function tryAll(audit: Audit): Promise<Outcomes> {
  const outcomes = new Map<CodeAttempt, Outcome>()
  const other = await otherClient(audit)
  if (other === null) outcomes.set('of-other-client', notApplicable('no second client can be registered'))
  const names = (Object.keys(ATTEMPTS) as CodeAttempt[]).filter((name) => !outcomes.has(name))
  const attempt = async (name: CodeAttempt, code: Code) => {
    const { value: answer, numbers } = await audit.noting(() => ATTEMPTS[name](audit, code, other ?? code.client))
    const outcome = judge(answer, name === 'of-other-client' && other !== null ? other : code.client)
    outcomes.set(name, { ...outcome, exchanges: numbers })
    return outcome.verdict
  }
  let code: Code | null = null
  let refused: CodeAttempt[] = []
  for (const name of names) {
    code ??= (await audit.logins.authorize(0)).code
    if (code === null) break
    refused.push(name)
    if ((await attempt(name, code)) !== 'fail') continue
    // Redeemed: it had worked until now, so that those before were refused for what was wrong with them.
    code = null
    refused = []
  }
  if (code === null || refused.length === 0) return outcomes
  const tokens = tokensOf(await audit.logins.redeem(code), code.client)
  if (tokens !== null) {
    audit.logins.share(tokens)
    return outcomes
  }
  for (const name of refused) {
    const own = (await audit.logins.authorize(0)).code
    if (own !== null) await attempt(name, own)
  }
  return outcomes
}

async function otherClient(audit: Audit): Promise<Client | null> {
  return audit.options.mayWrite && audit.logins.endpoint('registration') !== null
    ? (await audit.logins.register()).client
    : null
}

function judge(answer: Answer, client: Client): Outcome {
  if (tokensOf(answer, client) !== null) return fail('tokens were given')
  return answer.status === 400 || answer.status === 401 ? pass(`${answer.status}`) : inconclusive(`${answer.status}`)
}

function challengeOf({ verifier }: Code): string {
  return createHash('sha256')
    .update(verifier ?? '')
    .digest('base64url')
}
