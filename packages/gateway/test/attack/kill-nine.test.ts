import { it } from 'vitest'
import { expectKillNineSafe } from '../support/kill-nine/runs.ts'

it('kill -9 at any moment loses nothing acknowledged, and every call has one outcome', async () => {
  const seed = Math.floor(Math.random() * 2 ** 32)
  process.stdout.write(`kill-nine seed ${seed}\n`)
  await expectKillNineSafe(6, seed)
}, 120_000)
