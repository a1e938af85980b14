import type { Candidate } from './candidates/candidate.ts'
import { SESSIONS_PER_SUBJECT } from './candidates/gateway.ts'
import type { Environment } from './environment.ts'
import { type CandidateProblem, idleStreamProblems, stalledReaderProblems } from './gates/void-candidate.ts'
import { readTokens } from './load/read-tokens.ts'
import { watchOthers } from './machine.ts'
import type { Plan } from './plan.ts'
import { probeInspection } from './probes/inspection.ts'
import { probeRevocation } from './probes/revocation.ts'
import { probeStart } from './probes/start.ts'
import { probeIdleStreams, probeStalledReaders } from './probes/streams.ts'

const STALL_CANDIDATES = ['gateway', 'haproxy-cached', 'nginx']
const IDLE_CANDIDATES = ['haproxy-cached', 'sdk-proxy', 'gateway']

export interface Probes {
  readonly inspection: Probed<ReturnType<typeof probeInspection>>
  readonly start: Probed<Awaited<ReturnType<typeof probeStart>>>
  readonly revocation: Probed<Awaited<ReturnType<typeof probeRevocation>>>
  readonly stalledReaders: readonly OfCandidate<Awaited<ReturnType<typeof probeStalledReaders>>>[]
  readonly idleStreams: readonly OfCandidate<Awaited<ReturnType<typeof probeIdleStreams>>>[]
}

/** A probe that could not run is a finding, not a gap. */
export type Probed<T> = (T & { readonly foreignCpus: number }) | { readonly failed: string }
export type OfCandidate<T> = Probed<T> & { readonly candidate: string }

/** What is measured once and not under load. */
export async function probeAll(environment: Environment, plan: Plan): Promise<Probes> {
  const { folder, upstream, gateway, candidates } = environment
  const named = (names: readonly string[]) => names.flatMap((name) => candidates.get(name) ?? [])
  const stalledReaders: Probes['stalledReaders'][number][] = []
  for (const candidate of named(STALL_CANDIDATES)) {
    const probe = async () => probeStalledReaders(candidate, await tokenFor(environment, candidate), upstream.port)
    stalledReaders.push({ candidate: candidate.name, ...(await probed(probe)) })
  }
  const idleStreams: Probes['idleStreams'][number][] = []
  if (plan.idleStreams > 0) {
    const tokens = tokensOfUsers(environment, plan.idleStreams)
    // Whoever waits for it below says so.
    tokens.catch(() => {})
    for (const candidate of named(IDLE_CANDIDATES)) {
      const probe = async () => probeIdleStreams(candidate, await tokens, plan.idleStreams)
      idleStreams.push({ candidate: candidate.name, ...(await probed(probe)) })
    }
  }
  return {
    inspection: await probed(async () => probeInspection()),
    start: await probed(() => probeStart(folder, upstream)),
    revocation: await probed(() => probeRevocation(gateway)),
    stalledReaders,
    idleStreams,
  }
}

/** What the probes say against a candidate's measurements with event streams. Pure. */
export function streamProblems({ stalledReaders, idleStreams }: Probes): CandidateProblem[] {
  const problem = (candidate: string) => (reason: string) => ({ candidate, of: 'streams' as const, reason })
  return [
    ...stalledReaders.flatMap((one) =>
      ('failed' in one ? [one.failed] : stalledReaderProblems(one)).map(problem(one.candidate)),
    ),
    ...idleStreams.flatMap((one) =>
      ('failed' in one ? [one.failed] : idleStreamProblems(one)).map(problem(one.candidate)),
    ),
  ]
}

async function tokenFor(environment: Environment, candidate: Candidate): Promise<string | null> {
  const [door] = await environment.doorsFor(candidate, 'legacy', 1)
  return (await readTokens(door?.tokensFile ?? null))[0] ?? null
}

/** Users enough that none of them needs more sessions than a user may hold. */
async function tokensOfUsers({ gateway }: Environment, sessions: number): Promise<readonly string[]> {
  const users = Math.ceil(sessions / SESSIONS_PER_SUBJECT) + 1
  const tokens: string[] = []
  for (let number = 1; number <= users; number += 1) {
    const { access_token } = await gateway.logIn(await gateway.addUser(`listener-${number}`))
    tokens.push(access_token)
  }
  return tokens
}

async function probed<T extends object>(probe: () => Promise<T>): Promise<Probed<T>> {
  const others = watchOthers()
  try {
    const found = await probe()
    return { ...found, foreignCpus: others() }
  } catch (cause) {
    return { failed: String(cause) }
  }
}
