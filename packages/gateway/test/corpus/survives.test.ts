import { afterAll, beforeAll, describe, it } from 'vitest'
import { openRoads, type Roads } from './roads.ts'
import { SURVIVING } from './survives.ts'

/** Of each property on each road; `survives.full.test.ts` runs many more. */
const RUNS = 25
const ROADS = ['legacy-json', 'legacy-sse', 'legacy-stdio', 'modern-json', 'modern-sse', 'modern-stdio']

let roads: Roads
beforeAll(async () => {
  roads = await openRoads()
})
afterAll(() => roads.close())

describe.each(ROADS)('%s: what valid JSON says survives the road', (name) => {
  const era = name.startsWith('modern') ? 'modern' : 'legacy'
  const applying = SURVIVING.filter(({ applies }) => applies(era))
  it.each(applying.map(({ title, check }) => [title, check] as const))('%s', async (_title, check) => {
    const road = roads.all.find((one) => one.name === name)
    if (road === undefined) throw new Error(`no road ${name}`)
    await check(road, RUNS)
  })
})
