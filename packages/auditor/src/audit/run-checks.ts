import type { z } from 'zod'
import type { checkResultSchema, ProbeResult } from '#report/model.ts'
import type { Audit } from './audit.ts'
import { CHECKS } from './checks/all.ts'
import { NotRecorded } from './exchange/not-recorded.ts'
import type { Recorder } from './exchange/recorder.ts'
import { redactText } from './exchange/redact.ts'
import { LoginFailed, LoginMissing } from './login/login-failed.ts'
import { identitiesOf } from './options.ts'
import { type Check, inconclusive, notTested, type Outcome, type Probe, type Verdict } from './probe.ts'
import type { Era } from './target/mcp-message.ts'
import { Undecided } from './undecided.ts'

type CheckResult = z.infer<typeof checkResultSchema>

/** What was asked, with the probe it is of: findings are made of it. */
export interface Asked {
  readonly check: Check
  readonly probe: Probe
  readonly result: ProbeResult
}

interface Turn {
  readonly check: Check
  readonly probe: Probe
  readonly era: Era | null
}

/** `only` is the code of a single probe. Asks everything that can be asked with the access that there is, one after the other, and in an order that disturbs nothing. */
export async function runChecks(
  audit: Audit,
  recorder: Recorder,
  only: string | null = null,
): Promise<readonly Asked[]> {
  const turns = CHECKS.flatMap((check) =>
    check.probes.flatMap((probe): Turn[] =>
      (probe.isPerEra ? audit.eras : [null]).map((era) => ({ check, probe, era })),
    ),
  )
  const wanted = turns.filter(({ check, probe }) => only === null || only === `${check.slug}.${probe.name}`)
  const inOrder = [...wanted.filter(({ probe }) => !probe.isLast), ...wanted.filter(({ probe }) => probe.isLast)]
  const asked = new Map<Turn, Asked>()
  let last: Check | null = null
  for (const turn of inOrder) {
    if (turn.check !== last) audit.options.progress(`${turn.check.number}/12 ${turn.check.title}`)
    last = turn.check
    asked.set(turn, await ask(audit, recorder, turn))
  }
  return turns.flatMap((turn) => asked.get(turn) ?? [])
}

async function ask(audit: Audit, recorder: Recorder, { check, probe, era }: Turn): Promise<Asked> {
  const code = `${check.slug}.${probe.name}`
  const { value: outcome, numbers } = await recorder.under(code, () => decide(audit, check, probe, era))
  const { verdict, detail, exchanges = [] } = outcome
  return {
    check,
    probe,
    result: {
      code,
      title: probe.promise,
      verdict,
      detail: redactText(detail, false),
      era,
      exchanges: exchanges.length > 0 ? [...exchanges] : numbers,
    },
  }
}

async function decide(audit: Audit, check: Check, probe: Probe, era: Era | null): Promise<Outcome> {
  const excuse = check.excuse(audit)
  if (excuse !== null) return { verdict: 'not applicable', detail: excuse }
  const missing = missingFor(audit, probe)
  if (missing !== null) return notTested(missing)
  try {
    return await probe.run(audit, era ?? audit.eras[0] ?? 'modern')
  } catch (error) {
    if (error instanceof LoginMissing || error instanceof NotRecorded) return notTested(error.message)
    if (error instanceof LoginFailed || error instanceof Undecided) return inconclusive(error.message)
    throw error
  }
}

/** What the probe needs and the audit was not given. */
function missingFor({ options, logins }: Audit, { need = 'nothing' }: Probe): string | null {
  const identities = identitiesOf(options)
  if (need === 'nothing') return null
  if (need === 'write')
    return options.mayWrite || options.client !== null ? null : 'it registers a client, and that was not allowed'
  if (identities === 0) return 'it needs a login'
  if (need === 'two logins') return identities > 1 ? null : 'it needs a second identity'
  if (need === 'other resource')
    return options.otherResource === null ? 'it needs another resource of the same authorization server' : null
  return logins.endpoint('token') === null && options.tokens.length === 0 ? 'there is no token endpoint' : null
}

const WORST: readonly Verdict[] = ['fail', 'inconclusive', 'warn', 'pass', 'not tested', 'not applicable']

/** The probes of a check together. */
export function sumUp(asked: readonly Asked[]): CheckResult[] {
  return CHECKS.map((check) => {
    const probes = asked.filter((one) => one.check === check).map(({ result }) => result)
    const applying = probes.filter(({ verdict }) => verdict !== 'not applicable')
    const decided = applying.filter(({ verdict }) => verdict !== 'inconclusive' && verdict !== 'not tested')
    return {
      number: check.number,
      slug: check.slug,
      title: check.title,
      rationale: check.rationale,
      clauses: [...check.clauses],
      weight: check.weight,
      verdict: WORST.find((verdict) => probes.some((probe) => probe.verdict === verdict)) ?? 'not tested',
      share: applying.length === 0 ? 0 : decided.length / applying.length,
      probes,
    }
  })
}
