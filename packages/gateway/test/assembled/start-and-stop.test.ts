import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { socketPath } from '#control-plane/admin-api/socket-path.ts'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

let world: WholeGateway

beforeEach(async () => {
  world = await startWholeGateway(
    (port) => `version: 1
gateway: { publicUrl: 'http://127.0.0.1:${port}' }
servers:
  notes: { http: { url: 'http://127.0.0.1:1/mcp', network: loopback } }
`,
  )
})
afterEach(() => world.close())

/** What the log of the closed gateway holds, oldest first. Throws StoreInUse while it is not closed. */
async function activitiesLeft(): Promise<string[]> {
  const store = await openSqliteStore({ file: join(world.folder, 'var', 'sallyport.db') })
  const entries = await store.audit.latest(DEFAULT_TENANT, 100)
  await store.close()
  return entries
    .toReversed()
    .map(({ body }) => JSON.parse(body) as { activity_name: string; status_code?: string }) // Our own records.
    .flatMap(({ activity_name: activity, status_code: reason }) =>
      reason === 'signingKeyCreated' || activity === 'signingKey.change' ? [] : [activity],
    )
}

it('a start is recorded once and a stop once, with all that was done between them', async () => {
  await world.addUser('alice')
  await world.gateway.close()
  expect((await activitiesLeft()).filter((activity) => activity !== 'system.recover')).toEqual([
    'config.applied',
    'system.start',
    'account.create',
    'system.stop',
  ])
})

it('an administrator’s change under way while the gateway stops is done and recorded before the stop is', async () => {
  const body = JSON.stringify({ username: 'alice', password: 'correct horse battery staple' })
  const adding = request({
    socketPath: socketPath(join(world.folder, 'var')),
    method: 'POST',
    path: '/api/v1/users',
    headers: { host: 'localhost', 'content-type': 'application/json', 'content-length': body.length },
  })
  adding.write(body.slice(0, 10))
  await once(adding, 'socket').then(([socket]) => once(socket, 'connect'))
  // Answered after the one above was accepted.
  expect((await world.admin('GET', '/users')).status).toBe(200)
  const closed = world.gateway.close()
  while (await isListening(world.port)) await setImmediate()
  adding.end(body.slice(10))
  const [response] = await once(adding, 'response')
  expect(response.statusCode).toBe(201)
  response.resume()
  await closed
  expect((await activitiesLeft()).slice(-2)).toEqual(['account.create', 'system.stop'])
})

it('who asks for the stop a second time waits for the same end', async () => {
  let isClosed = false
  void world.gateway.close().then(() => {
    isClosed = true
  })
  await world.gateway.close()
  expect(isClosed).toBe(true)
})

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
