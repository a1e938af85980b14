import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Store } from '#store/ports/store.ts'
import { PORT_METHODS } from '#store/sql/ports.ts'
import { ENGINES, type Engine } from './engines.ts'
import { CALLERS, count, RACES, type Race, run, tenantOf } from './races.ts'

const NAMES = Object.entries(RACES)
const EVERYBODY = Array.from({ length: CALLERS }, (_, caller) => caller)

it('every method that writes is raced for', () => {
  const writing = Object.entries(PORT_METHODS).flatMap(([port, methods]) =>
    Object.entries(methods).flatMap(([method, kind]) => (kind === 'writes' ? [`${port}.${method}`] : [])),
  )
  expect(writing.length).toBeGreaterThan(20)
  expect(writing.filter((name) => RACES[name] === undefined)).toEqual([])
})

describe.each(ENGINES)('eight callers at once on $name', (engine) => {
  let place: string
  let store: Store
  beforeAll(async () => {
    place = await engine.createPlace()
    store = await engine.openStore(place)
  })
  afterAll(async () => {
    await store.close()
    await engine.removePlace(place)
  })

  it.each(NAMES)('%s', async (name, race) => {
    await expectRace(store, name, race, (tenant) => run(race, store, tenant, EVERYBODY))
  })
})

describe('eight callers at once on postgres, in two processes', () => {
  const engine = ENGINES.find(({ name }) => name === 'postgres')
  if (engine === undefined) throw new Error('no postgres')
  let place: string
  let store: Store
  let players: Player[]
  beforeAll(async () => {
    place = await engine.createPlace()
    store = await engine.openStore(place)
    players = await Promise.all([
      startPlayer(engine, place, EVERYBODY.slice(0, CALLERS / 2)),
      startPlayer(engine, place, EVERYBODY.slice(CALLERS / 2)),
    ])
  })
  afterAll(async () => {
    await Promise.all(players.map((player) => player.end()))
    await store.close()
    await engine.removePlace(place)
  })

  it.each(NAMES)('%s', async (name, race) => {
    await expectRace(store, name, race, async () =>
      (await Promise.all(players.map((player) => player.play(name)))).flat(),
    )
  })
})

async function expectRace(
  store: Store,
  name: string,
  race: Race,
  play: (tenant: ReturnType<typeof tenantOf>) => Promise<string[]>,
): Promise<void> {
  const tenant = tenantOf(name)
  await race.prepare?.(store, tenant)
  const answers = count(await play(tenant))
  if (race.answers !== undefined) expect(answers).toEqual(race.answers)
  else expect(race.afterwards).toBeDefined()
  await race.afterwards?.(store, tenant, answers)
}

interface Player {
  play(name: string): Promise<string[]>
  end(): Promise<void>
}

async function startPlayer(engine: Engine, place: string, callers: readonly number[]): Promise<Player> {
  const script = fileURLToPath(new URL('./race-child.ts', import.meta.url))
  const child: ChildProcess = spawn(
    process.execPath,
    ['--conditions=sallyport-source', script, engine.name, place, ...callers.map(String)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new Error('no pipes')
  const exited = once(child, 'exit')
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  const nextLine = async () => String((await lines.next()).value)
  expect(await nextLine()).toBe('ready')
  return {
    play: async (name) => {
      stdin.write(`${name}\n`)
      return JSON.parse(await nextLine()) as string[] // race-child.ts prints exactly this.
    },
    end: async () => {
      stdin.end()
      await exited
    },
  }
}
