import { afterAll, beforeAll, describe, it } from 'vitest'
import { openRoads, type Roads } from './roads.ts'
import { SURVIVING } from './survives.ts'

const RUNS = 2_000
const TIME_MS = 10 * 60_000
const ROADS = ['legacy-json', 'legacy-sse', 'legacy-stdio', 'modern-json', 'modern-sse', 'modern-stdio']

let roads: Roads
beforeAll(async () => {
  roads = await openRoads()
})
afterAll(() => roads.close())

describe.each(ROADS)('%s: what valid JSON says survives the road, at length', (name) => {
  const era = name.startsWith('modern') ? 'modern' : 'legacy'
  const applying = SURVIVING.filter(({ applies }) => applies(era))
  it.each(applying.map(({ title, check }) => [title, check] as const))(
    '%s',
    async (_title, check) => {
      const road = roads.all.find((one) => one.name === name)
      if (road === undefined) throw new Error(`no road ${name}`)
      await check(road, RUNS)
    },
    TIME_MS,
  )
})
