import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { AdjustableClock } from '../support/adjustable-clock.ts'
import {
  type AuthorizationServerUnderTest,
  authorize,
  CLIENT,
  redeem,
  startAuthorizationServer,
} from '../support/authorization-server.ts'

const CHILD = fileURLToPath(new URL('../support/refresh-race-child.ts', import.meta.url))
const PROCESSES = 10
/** An hour, in which an access token expires every five minutes. */
const ROUNDS = 12
const ACCESS_SECONDS = 300

let server: AuthorizationServerUnderTest
let clock: AdjustableClock
let folder: string
const children: ChildProcess[] = []
beforeEach(async () => {
  clock = new AdjustableClock(Date.now())
  server = await startAuthorizationServer({ clock })
  server.setSnapshot({
    lifetimes: { accessTokenSeconds: ACCESS_SECONDS, refreshTokenSeconds: 14_400, loginSessionSeconds: 28_800 },
  })
  folder = await mkdtemp(join(tmpdir(), 'sallyport-race-'))
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

it('ten processes that share one stored token refresh it together for an hour, and nobody logs in again', async () => {
  const file = join(folder, 'tokens.json')
  const { code, verifier } = await authorize(server)
  const { body } = await redeem(server, code, verifier)
  await writeFile(file, JSON.stringify({ ...body, expires_at: 0 }))
  for (let index = 0; index < PROCESSES; index += 1)
    children.push(fork(CHILD, [`${server.url}/oauth/token`, CLIENT, file], { stdio: 'ignore' }))
  const outcomes: string[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    outcomes.push(
      ...(await Promise.all(
        children.map(async (child) => {
          const heard = once(child, 'message')
          child.send(clock.nowSeconds())
          const [outcome] = (await heard) as [string]
          return outcome
        }),
      )),
    )
    clock.forward(ACCESS_SECONDS)
  }
  expect(outcomes.filter((outcome) => outcome !== 'refreshed' && outcome !== 'fresh')).toEqual([])
  expect(outcomes.filter((outcome) => outcome === 'refreshed').length).toBeGreaterThanOrEqual(ROUNDS)
  const [grant] = (await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })).items
  expect(grant?.revokedAt).toBeNull()
}, 60_000)
