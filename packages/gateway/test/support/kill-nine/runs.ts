import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { ScriptedBrowser } from '../../e2e/support/browser.ts'
import {
  addUser,
  exportedRecords,
  type GatewayProcess,
  makePlace,
  type Place,
  quickstartServer,
  runCli,
  spawnGateway,
} from '../gateway-process.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../upstream-http.ts'
import { Chance } from './chance.ts'
import { expectGrants, expectNothingLost } from './checks.ts'
import { type HeldGrant, Ledger } from './ledger.ts'
import { connectionTo, logIn, refreshGrant, type Workload, work } from './workload.ts'

const MEMORY = quickstartServer('memory')
/** Makes a child that the end of its input does not end: whoever is killed leaves it behind. */
const OUTLIVES_ITS_INPUT = 'data:text/javascript,setInterval(Object,1e6)'
/** Enough for two callers in one round. */
const TOOLS_PER_ROUND = 600
/** From the first request of a round to its kill. */
const WORK_MS = [30, 1_500] as const
/** From its start to the kill, for processes that are killed before they are ready. */
const STARTING_MS = [0, 600] as const
/** Logins are throttled by address, and all of these come from one. */
const VICTIM_EVERY = 4
/** Grants and revocations that are looked at after each kill; older ones are looked at once, at the end. */
const LOOKED_AT_MAX = 12

/** What the configuration says of the store, and the files it names; absent: SQLite. */
export interface StoreOfRuns {
  readonly yaml: string
  readonly files: Readonly<Record<string, string>>
}

/** Kills the gateway so often on one state, and after each start expects everything that was acknowledged. */
export async function expectKillNineSafe(
  kills: number,
  seed: number,
  store: StoreOfRuns = { yaml: '', files: {} },
): Promise<void> {
  const chance = new Chance(seed)
  let tools: string[] = []
  const upstream = await startScriptedUpstream(async ({ body, json }) => {
    if (body['method'] === 'tools/list') {
      const listed = tools.map((name) => ({ name, inputSchema: { type: 'object' } }))
      json({ jsonrpc: '2.0', id: body['id'], result: { tools: listed } })
      return true
    }
    // Long enough that a kill finds calls under way.
    if (body['method'] === 'tools/call') await new Promise((resolve) => setTimeout(resolve, chance.between(0, 30)))
    return false
  })
  const place = await makePlace(() => `${store.yaml}${configuration(upstream.url)}`)
  for (const [name, text] of Object.entries(store.files))
    await writeFile(join(place.folder, name), text, { mode: 0o600 })
  const running: GatewayProcess[] = []
  try {
    let gateway = await start(place, running)
    const person = await addUser(place, 'alice')
    const ledger = new Ledger()
    const callers = [await logIn(place, person, 'recorder'), await logIn(place, person, 'memory')]
    for (let held = 0; held < 4; held += 1) ledger.grants.push(await logIn(place, person, 'recorder'))
    // One for all rounds: its login outlives the processes.
    const browser = new ScriptedBrowser(place.origin, connectionTo(place))
    const older: Pick<Ledger, 'grants' | 'revoked'> = { grants: [], revoked: [] }
    // On a machine with little to spare a round may end before everybody had their turn; then there are more rounds.
    for (let round = 0; round < kills || (round < kills * 3 && !(await everythingTried(place, ledger))); round += 1) {
      tools = toolsOf(round)
      const victim = round % VICTIM_EVERY === 0 ? await makeVictim(place, round) : null
      for (const caller of callers) await refreshGrant(place, caller)
      let isOver = false
      const { child, exit } = gateway
      const killed = new Promise((resolve) => setTimeout(resolve, chance.between(...WORK_MS))).then(() => {
        isOver = true
        child.kill('SIGKILL')
      })
      const workload = { place, ledger, chance, round, person, callers, tools, victim, browser }
      await work(workload, () => isOver)
      await killed
      expect(await exit).toEqual([null, 'SIGKILL'])
      expect(ledger.faults).toEqual([])
      for (const one of ledger.grants) one.isBusy = false
      // By and by, starts are killed as well: a start must cope with what another left half done.
      if (round % 3 === 2) await killWhileStarting(place, chance)
      gateway = await start(place, running)
      await refreshAgain(place, ledger)
      await expectNothingLost(place, ledger, callsSeen(upstream))
      older.grants.push(...takeOldest(ledger.grants))
      older.revoked.push(...takeOldest(ledger.revoked))
    }
    await expectGrants(place, older)
    await expectEverythingTried(place, ledger)
    process.stdout.write(`kill-nine acknowledged ${JSON.stringify(ledger.counts)}\n`)
    gateway.child.kill('SIGTERM')
    expect(await gateway.exit).toEqual([0, null])
    expect(await runCli(place, 'log', 'verify')).toMatchObject({ code: 0 })
  } finally {
    for (const { child } of running) child.kill('SIGKILL')
    await upstream.close()
    await place.remove()
  }
}

/** A client that did not hear what became of its refresh tries again, and is served while it does so soon enough. */
async function refreshAgain(place: Place, ledger: Ledger): Promise<void> {
  for (const { grant, begunAtMs } of ledger.unanswered.splice(0)) {
    if (Date.now() - begunAtMs > REPEAT_MS_MAX) continue
    await refreshGrant(place, grant)
    ledger.count('refresh again')
    grant.isBusy = false
    ledger.grants.push(grant)
  }
}

function configuration(upstream: string): string {
  return `registration: { perAddressPerHour: 10000, perHour: 100000, clientsMax: 100000 }
servers:
  recorder:
    http: { url: '${upstream}', network: loopback }
  memory:
    stdio: { command: node, args: ['--import', '${OUTLIVES_ITS_INPUT}', '${MEMORY}'], env: { MEMORY_FILE_PATH: '\${userDir}/memory.json' } }
`
}

/** By their names: half of them write, half only read. */
function toolsOf(round: number): string[] {
  return Array.from({ length: TOOLS_PER_ROUND }, (_, index) => `${index % 2 === 0 ? 'write' : 'get'}_${round}_${index}`)
}

function callsSeen(upstream: ScriptedUpstream): string[] {
  return upstream.of('tools/call').map(({ params }) => String((params as { name?: unknown } | undefined)?.name))
}

function takeOldest(grants: HeldGrant[]): HeldGrant[] {
  return grants.splice(0, Math.max(0, grants.length - LOOKED_AT_MAX))
}

async function makeVictim(place: Place, round: number): Promise<Workload['victim']> {
  const person = await addUser(place, `victim-${round}`)
  return { username: person.username, grant: await logIn(place, person, 'recorder') }
}

async function start(place: Place, running: GatewayProcess[]): Promise<GatewayProcess> {
  const gateway = spawnGateway(place)
  running.push(gateway)
  await gateway.ready()
  return gateway
}

async function killWhileStarting(place: Place, chance: Chance): Promise<void> {
  const { child, exit } = spawnGateway(place)
  await new Promise((resolve) => setTimeout(resolve, chance.between(...STARTING_MS)))
  child.kill('SIGKILL')
  await exit
}

/** Short of the window of the gateway. */
const REPEAT_MS_MAX = 18_000

const KINDS = ['registration', 'exchange', 'refresh', 'revocation', 'account', 'disabling', 'call', 'call of a process']

async function everythingTried(place: Place, { counts }: Ledger): Promise<boolean> {
  return KINDS.every((kind) => (counts[kind] ?? 0) > 0) && (await interruptedCalls(place)) > 0
}

async function interruptedCalls(place: Place): Promise<number> {
  const records = await exportedRecords(place)
  return records.filter(({ status_code: reason }) => reason === 'gatewayStopped').length
}

/** A run that never did something, or never hit a call under way, would show nothing about it. */
async function expectEverythingTried(place: Place, { counts }: Ledger): Promise<void> {
  for (const kind of KINDS) expect(counts[kind] ?? 0, kind).toBeGreaterThan(0)
  expect(await interruptedCalls(place), 'interrupted calls').toBeGreaterThan(0)
}
