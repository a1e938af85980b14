import { createInterface } from 'node:readline'
import { ENGINES } from './engines.ts'
import { RACES, run, tenantOf } from './races.ts'

// Takes part in races in a process of its own: reads the name of one and the callers it plays, answers what they got.
const [, , engineName, place, ...callers] = process.argv
const engine = ENGINES.find((candidate) => candidate.name === engineName)
if (engine === undefined || place === undefined) throw new Error('usage: race-child ENGINE PLACE CALLER…')

const store = await engine.openStore(place)
process.stdout.write('ready\n')
for await (const name of createInterface({ input: process.stdin })) {
  const race = RACES[name]
  if (race === undefined) throw new Error(`no race ${name}`)
  process.stdout.write(`${JSON.stringify(await run(race, store, tenantOf(name), callers.map(Number)))}\n`)
}
await store.close()
