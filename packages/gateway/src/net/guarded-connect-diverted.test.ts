import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Socket } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { createGuardedConnector } from './guarded-connect.ts'

/** A platform that takes every connection to another address than the one it was given, as a broken resolver or a proxy layer could. */
vi.mock('node:net', async (importOriginal) => {
  const net = await importOriginal<typeof import('node:net')>()
  const divert = (options: NetConnectOpts) => net.connect({ ...options, host: '127.0.0.2' })
  return { ...net, connect: divert, default: { ...net, connect: divert } }
})

let close = () => {}
afterEach(() => close())

test('a connection that ended elsewhere than where it was allowed to go is dropped before anything is sent', async () => {
  const received: string[] = []
  const server = createServer((socket) => socket.on('data', (chunk) => received.push(String(chunk))))
  server.listen(0, '127.0.0.2')
  await once(server, 'listening')
  close = () => void server.close()
  const { port } = server.address() as AddressInfo
  // The diversion is real.
  const diverted = connect({ host: '127.0.0.1', port })
  await once(diverted, 'connect')
  expect(diverted.remoteAddress).toBe('127.0.0.2')
  diverted.destroy()

  const connector = createGuardedConnector({ network: 'loopback', connectTimeoutMs: 5_000 })
  const target = { hostname: '127.0.0.1', host: '127.0.0.1', port: String(port), protocol: 'http:' }
  const outcome = await new Promise<{ error: Error | null; socket: Socket | null }>((resolve) => {
    connector(target, (...[error, socket]) => resolve({ error, socket }))
  })
  outcome.socket?.end('GET / HTTP/1.1\r\n\r\n')
  expect(outcome.error).toMatchObject({ reason: 'addressNotAllowed' })
  expect(outcome.socket).toBeNull()
  expect(received).toEqual([])
})
