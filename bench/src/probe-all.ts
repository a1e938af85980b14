import { join } from 'node:path'
import type { Candidate } from './candidates/candidate.ts'
import { type GatewayUnderTest, SESSIONS_PER_SUBJECT, startGateway } from './candidates/gateway.ts'
import type { Environment } from './environment.ts'
import { type CandidateProblem, idleStreamProblems, stalledReaderProblems } from './gates/void-candidate.ts'
import { readTokens } from './load/read-tokens.ts'
import { watchOthers } from './machine.ts'
import type { Plan } from './plan.ts'
import { probeInspection } from './probes/inspection.ts'
import { probeRevocation } from './probes/revocation.ts'
import { probeStart } from './probes/start.ts'
import { probeIdleStreams, probeStalledReaders } from './probes/streams.ts'

const STALL_CANDIDATES = ['haproxy-cached', 'nginx', 'sdk-proxy']
const IDLE_CANDIDATES = ['haproxy-cached', 'nginx', 'sdk-proxy']

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

/** What is measured once and not under load. The gateway gets a fresh process where memory is looked at, which others' load would have stretched. */
export async function probeAll(environment: Environment, plan: Plan): Promise<Probes> {
  const { folder, upstream, gateway } = environment
  const stalledReaders: Probes['stalledReaders'][number][] = []
  for (const candidate of named(environment, STALL_CANDIDATES)) {
    const probe = async () => probeStalledReaders(candidate, await tokenFor(environment, candidate), upstream.port)
    stalledReaders.push({ candidate: candidate.name, ...(await probed(probe)) })
  }
  const stallGateway = () =>
    withFreshGateway(environment, 'stalled', async (fresh) => {
      const { access_token } = await fresh.logIn(await fresh.addUser('staller'))
      return probeStalledReaders(fresh.candidate, access_token, upstream.port)
    })
  stalledReaders.push({ candidate: 'gateway', ...(await probed(stallGateway)) })
  return {
    inspection: await probed(async () => probeInspection()),
    start: await probed(() => probeStart(folder, upstream)),
    revocation: await probed(() => probeRevocation(gateway)),
    stalledReaders,
    idleStreams: plan.idleStreams > 0 ? await probeIdle(environment, plan.idleStreams) : [],
  }
}

async function probeIdle(environment: Environment, count: number): Promise<Probes['idleStreams']> {
  const idleStreams: Probes['idleStreams'][number][] = []
  for (const candidate of named(environment, IDLE_CANDIDATES)) {
    const probe = async () => probeIdleStreams(candidate, [await tokenFor(environment, candidate)], count)
    idleStreams.push({ candidate: candidate.name, ...(await probed(probe)) })
  }
  const idleGateway = () =>
    withFreshGateway(environment, 'idle', async (fresh) =>
      probeIdleStreams(fresh.candidate, await tokensOfUsers(fresh, count), count),
    )
  return [...idleStreams, { candidate: 'gateway', ...(await probed(idleGateway)) }]
}

async function withFreshGateway<T>(
  { folder, upstream }: Environment,
  name: string,
  probe: (fresh: GatewayUnderTest) => Promise<T>,
): Promise<T> {
  const fresh = await startGateway({ folder: join(folder, name), upstream, name: 'gateway' })
  try {
    return await probe(fresh)
  } finally {
    await fresh.process.stop()
  }
}

function named({ candidates }: Environment, names: readonly string[]): Candidate[] {
  return names.flatMap((name) => candidates.get(name) ?? [])
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
async function tokensOfUsers(gateway: GatewayUnderTest, sessions: number): Promise<readonly string[]> {
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
