import type { Candidate } from './candidates/candidate.ts'
import type { Environment } from './environment.ts'
import { believedTokens, type CandidateProblem, leakedSecrets, type PlantedAnswer } from './gates/void-candidate.ts'
import { Connection, type Target } from './load/connection.ts'
import { openSession } from './load/mcp-session.ts'
import type { Wire } from './load/messages.ts'
import { readTokens } from './load/read-tokens.ts'
import { callBody, modernCallBody, modernPostText, postText } from './load/request-text.ts'
import { PLANTED_TOOL_NAMES } from './payload.ts'
import type { Cell } from './plan.ts'
import { badTokens } from './tokens.ts'

/** Asks every candidate, before anything is measured, whether it does the work that it says it does. */
export async function checkCandidates(environment: Environment, cells: readonly Cell[]): Promise<CandidateProblem[]> {
  const problems: CandidateProblem[] = []
  for (const candidate of environment.candidates.values()) {
    const reasons = candidate.checksTokens ? await tokenProblems(environment, candidate) : []
    if (candidate.inspectsResults) {
      for (const wire of wiresOf(candidate, cells)) {
        reasons.push(...(await secretProblems(environment, candidate, wire)))
      }
    }
    problems.push(...reasons.map((reason) => ({ candidate: candidate.name, of: 'everything' as const, reason })))
  }
  return problems
}

async function tokenProblems(environment: Environment, candidate: Candidate): Promise<string[]> {
  const { forge } = await environment.issuerFor(candidate)
  const target = candidate.targets[0]
  if (target === undefined) throw new Error(`${candidate.name} listens nowhere`)
  const good = forge.sign()
  // A candidate that remembers good tokens has this one when the bad ones come.
  const statuses: Record<string, number> = {}
  const known = await pingStatus(target, good)
  if (known === 401) return ['a good token was refused']
  for (const [fault, token] of Object.entries(badTokens(forge, good))) {
    statuses[fault] = await pingStatus(target, token)
  }
  return believedTokens(statuses)
}

async function pingStatus(target: Target, token: string | null): Promise<number> {
  const connection = await Connection.open(target)
  const { status } = await connection.ask(postText(target, token, null, '{"jsonrpc":"2.0","id":1,"method":"ping"}'))
  connection.close()
  return status
}

/** Those that it is measured on. */
function wiresOf({ name }: Candidate, cells: readonly Cell[]): Set<Wire> {
  const own = cells.filter(({ candidates }) => candidates.some((one) => one === name))
  return new Set(own.map(({ wire }) => wire))
}

async function secretProblems(environment: Environment, candidate: Candidate, wire: Wire): Promise<string[]> {
  const { port, credential } = environment.upstream
  const problems: string[] = []
  for (const { target, tokensFile } of await environment.doorsFor(candidate, wire, 1)) {
    const [token = null] = await readTokens(tokensFile)
    const connection = await Connection.open(target)
    const session = wire === 'legacy' ? await openSession(connection, target, token) : null
    const answers: PlantedAnswer[] = []
    for (const [index, tool] of PLANTED_TOOL_NAMES.entries()) {
      await takePlanted(port)
      const request =
        session === null
          ? modernPostText(target, token, tool, modernCallBody(tool)(index + 1))
          : postText(target, token, session, callBody(tool)(index + 1))
      const { body } = await connection.ask(request)
      answers.push({ tool: `${tool} (${wire})`, body: body.toString(), planted: await takePlanted(port) })
    }
    connection.close()
    problems.push(...leakedSecrets(answers, credential))
  }
  return problems
}

async function takePlanted(port: number): Promise<string[]> {
  // Our own server's list of strings.
  return (await (await fetch(`http://127.0.0.1:${port}/planted`)).json()) as string[]
}
