import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startGateway } from '../candidates/gateway.ts'
import { usageOfTree } from '../machine.ts'

const SERVERS = 100
const SETTLE_MS = 1_000

/** From the start of the process to `ready`, with a hundred servers configured, on a state that exists; and what it then holds. */
export async function probeStart(folder: string, upstreamPort: number) {
  const options = { folder: join(folder, 'start'), upstreamPort, name: 'start', moreServers: SERVERS - 1 }
  // The first start makes keys and tables; the bar is about every later one.
  await (await startGateway(options)).process.stop()
  const beganMs = performance.now()
  const { process: started } = await startGateway(options)
  const readyMs = performance.now() - beganMs
  await sleep(SETTLE_MS)
  const { rssBytes } = usageOfTree(started.pid)
  await started.stop()
  return { servers: SERVERS, readyMs, idleRssMiB: rssBytes / 1024 ** 2 }
}
