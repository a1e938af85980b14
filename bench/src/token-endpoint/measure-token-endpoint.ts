import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type GatewayUnderTest, SERVER_ID, startGateway } from '../candidates/gateway.ts'
import { usageOfTrees, watchOthers } from '../machine.ts'
import { freePort } from '../processes.ts'
import { startUpstream } from '../upstream/start-upstream.ts'
import { fillStore } from './fill-store.ts'

/** Grants in the store, each with its refresh token. */
const STORED = [1, 1_000, 100_000]
const CONNECTIONS = 8
const WARM_MS = 1_000
const MEASURE_MS = 4_000
const SERVICE = 'bench-service'
const SECRET = 'bench-'.repeat(8)

interface Measured {
  readonly perSecond: number
  readonly cpuMicros: number
}

/** Refreshes and client_credentials per second and what one costs, with more and more grants in the store. Prints a table. */
export async function measureTokenEndpoint(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'))
  try {
    const upstream = await startUpstream(folder)
    await writeFile(join(folder, 'service.secret'), SECRET, { mode: 0o600 })
    const options = { folder, upstream, name: 'gateway', moreYaml: SERVICE_YAML, port: await freePort() }
    const others = watchOthers()
    process.stdout.write(
      '\n| Grants stored | refreshes/s | CPU µs each | client_credentials/s | CPU µs each |\n|---|---|---|---|---|\n',
    )
    for (const stored of STORED) {
      let gateway = await startGateway(options)
      const chains = await logInAll(gateway, stored)
      await gateway.process.stop()
      fillStore(join(gateway.stateDir, 'sallyport.db'), stored)
      gateway = await startGateway(options)
      const refreshed = await measure(gateway, (worker) => refresh(gateway, chains, worker))
      const issued = await measure(gateway, () => issue(gateway))
      await gateway.process.stop()
      process.stdout.write(
        `| ${stored} | ${show(refreshed.perSecond)} | ${show(refreshed.cpuMicros)} | ${show(issued.perSecond)} | ${show(issued.cpuMicros)} |\n`,
      )
    }
    process.stdout.write(`\nOthers used ${others().toFixed(2)} CPUs meanwhile.\n`)
    return 0
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const SERVICE_YAML = `clients:
  ${SERVICE}: { name: Bench, grantTypes: [client_credentials], authMethod: client_secret_post, secret: '\${file:service.secret}', scopes: ['${SERVER_ID}:read'] }
`

interface Chain {
  readonly clientId: string
  token: string
}

async function logInAll(gateway: GatewayUnderTest, stored: number): Promise<Chain[]> {
  process.stderr.write(`Logging in, and filling the store to ${stored} grants\n`)
  const person = await gateway.addUser(`user-${stored}`)
  const chains: Chain[] = []
  for (let worker = 0; worker < CONNECTIONS; worker += 1) {
    const { clientId, refresh_token: token = '' } = await gateway.logIn(person)
    chains.push({ clientId, token })
  }
  return chains
}

async function refresh(gateway: GatewayUnderTest, chains: readonly Chain[], worker: number): Promise<void> {
  const chain = chains[worker]
  if (chain === undefined) throw new Error('more workers than logins')
  const form = { grant_type: 'refresh_token', refresh_token: chain.token, client_id: chain.clientId }
  const { refresh_token: next } = await post(gateway, form)
  if (next === undefined) throw new Error('no refresh token came back')
  chain.token = next
}

async function issue(gateway: GatewayUnderTest): Promise<void> {
  await post(gateway, {
    grant_type: 'client_credentials',
    client_id: SERVICE,
    client_secret: SECRET,
    resource: gateway.resource(SERVER_ID),
  })
}

async function post({ send, origin }: GatewayUnderTest, form: Readonly<Record<string, string>>) {
  const answer = await send(`${origin}/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  })
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(`the token endpoint answered ${answer.status}: ${text}`)
  return JSON.parse(text) as { refresh_token?: string }
}

async function measure({ candidate }: GatewayUnderTest, once: (worker: number) => Promise<void>): Promise<Measured> {
  let done = 0
  let isOver = false
  const work = async (worker: number) => {
    while (!isOver) {
      await once(worker)
      done += 1
    }
  }
  const workers = Array.from({ length: CONNECTIONS }, (_, worker) => work(worker))
  const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
  const ended = Promise.all(workers)
  await Promise.race([sleep(WARM_MS), ended])
  const before = { done, cpuNs: usageOfTrees(candidate.pids).cpuNs, ms: performance.now() }
  await Promise.race([sleep(MEASURE_MS), ended])
  const count = done - before.done
  const cpuNs = usageOfTrees(candidate.pids).cpuNs - before.cpuNs
  const seconds = (performance.now() - before.ms) / 1000
  isOver = true
  await ended
  return { perSecond: count / seconds, cpuMicros: cpuNs / 1000 / count }
}

function show(value: number): string {
  return value.toFixed(0)
}
