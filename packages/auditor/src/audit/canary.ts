import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:net'
import type { Audit } from './audit.ts'

/** For a server that fetches later than it answers. */
const LINGER_MS = 500

/**
 * Listens on loopback while `tempt` names the address (`127.0.0.1:50123`) to a target on this machine; answers how many connections came.
 * Nobody else knows the port, so whoever comes was sent by the target.
 */
export async function watchLoopback(audit: Audit, tempt: (address: string) => Promise<void>): Promise<number> {
  let server: Server | null = null
  let visits = 0
  const port = await audit.observe('a listener of the auditor', async () => {
    server = createServer((socket) => {
      visits += 1
      socket.on('error', () => undefined).destroy()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  })
  try {
    await tempt(`127.0.0.1:${port}`)
    return await audit.observe('connections to the listener', async () => {
      await audit.wait(LINGER_MS)
      return visits
    })
  } finally {
    await close(server)
  }
}

/** Null in a replay, which listens to nobody. */
async function close(server: Server | null): Promise<void> {
  if (server === null) return
  server.close()
  await once(server, 'close')
}
