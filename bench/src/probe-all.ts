import type { Candidate } from './candidates/candidate.ts'
import type { Environment } from './environment.ts'
import type { Plan } from './plan.ts'
import { probeFdatasync } from './probes/fdatasync.ts'
import { probeInspection } from './probes/inspection.ts'
import { probeRevocation } from './probes/revocation.ts'
import { probeStart } from './probes/start.ts'
import { probeIdleStreams, probeStalledReaders } from './probes/streams.ts'

const SESSIONS_PER_SUBJECT = 100
const STALL_CANDIDATES = ['gateway', 'haproxy-cached', 'nginx']
const IDLE_CANDIDATES = ['haproxy-cached', 'sdk-proxy', 'gateway']

export interface Probes {
  readonly fdatasync: Awaited<ReturnType<typeof probeFdatasync>>
  readonly inspection: ReturnType<typeof probeInspection> | Failed
  readonly start: Awaited<ReturnType<typeof probeStart>> | Failed
  readonly revocation: Awaited<ReturnType<typeof probeRevocation>> | Failed
  readonly stalledReaders: readonly (Awaited<ReturnType<typeof probeStalledReaders>> | Failed)[]
  readonly idleStreams: readonly (Awaited<ReturnType<typeof probeIdleStreams>> | Failed)[]
}

/** A probe that could not run is a finding, not a gap. */
export interface Failed {
  readonly failed: string
}

export async function probeAll(environment: Environment, plan: Plan): Promise<Probes> {
  const { folder, upstreamPort, gateway, candidates } = environment
  const named = (names: readonly string[]) => names.flatMap((name) => candidates.get(name) ?? [])
  const tokenFor = async (candidate: Candidate) => (await environment.tokensFor(candidate, 1))[0] ?? null
  const stalledReaders: Probes['stalledReaders'][number][] = []
  for (const candidate of named(STALL_CANDIDATES)) {
    stalledReaders.push(
      await orFailed(candidate.name, async () =>
        probeStalledReaders(candidate, await tokenFor(candidate), upstreamPort),
      ),
    )
  }
  const idleStreams: Probes['idleStreams'][number][] = []
  if (plan.idleStreams > 0) {
    const tokens = await orFailed('tokens', () => tokensOfUsers(environment, plan.idleStreams))
    for (const candidate of named(IDLE_CANDIDATES)) {
      idleStreams.push(
        await orFailed(candidate.name, async () => {
          if ('failed' in tokens) throw new Error(tokens.failed)
          return probeIdleStreams(candidate, tokens, plan.idleStreams)
        }),
      )
    }
  }
  return {
    fdatasync: await probeFdatasync(gateway.stateDir),
    inspection: await orFailed('inspection', async () => probeInspection()),
    start: await orFailed('start', () => probeStart(folder, upstreamPort)),
    revocation: await orFailed('revocation', () => probeRevocation(gateway)),
    stalledReaders,
    idleStreams,
  }
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

async function orFailed<T>(what: string, probe: () => Promise<T>): Promise<T | Failed> {
  try {
    return await probe()
  } catch (cause) {
    return { failed: `${what}: ${String(cause)}` }
  }
}
