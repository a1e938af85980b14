import { it } from 'vitest'
import { expectKillNineSafe } from '../support/kill-nine/runs.ts'

it('kill -9 at 200 random moments of one state loses nothing acknowledged', async () => {
  const seed = Math.floor(Math.random() * 2 ** 32)
  process.stdout.write(`kill-nine seed ${seed}\n`)
  await expectKillNineSafe(200, seed)
}, 3_600_000)
