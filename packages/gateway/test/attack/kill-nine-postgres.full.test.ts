import { it } from 'vitest'
import { expectKillNineSafe } from '../support/kill-nine/runs.ts'
import { newPlace, removePlace, storeYaml } from '../support/postgres/place.ts'

it('on PostgreSQL too, kill -9 at 100 random moments of one state loses nothing acknowledged', async () => {
  const seed = Math.floor(Math.random() * 2 ** 32)
  process.stdout.write(`kill-nine seed ${seed}\n`)
  const place = await newPlace()
  await expectKillNineSafe(100, seed, storeYaml(place))
  await removePlace(place)
}, 3_600_000)
