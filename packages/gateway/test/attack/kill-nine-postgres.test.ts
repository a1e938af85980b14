import { it } from 'vitest'
import { expectKillNineSafe } from '../support/kill-nine/runs.ts'
import { newPlace, removePlace, storeYaml } from '../support/postgres/place.ts'

it('on PostgreSQL too, kill -9 at any moment loses nothing acknowledged, and every call has one outcome', async () => {
  const seed = Math.floor(Math.random() * 2 ** 32)
  process.stdout.write(`kill-nine seed ${seed}\n`)
  const place = await newPlace()
  await expectKillNineSafe(4, seed, storeYaml(place))
  await removePlace(place)
}, 180_000)
