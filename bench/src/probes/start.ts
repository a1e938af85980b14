import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startGateway } from '../candidates/gateway.ts'
import { usageOfTree } from '../machine.ts'
import type { UpstreamAddress } from '../upstream/start-upstream.ts'

const SERVERS = 100
const OWN_SERVERS = 2
const SETTLE_MS = 1_000
const TIMES = 3

/** From the start of the process to `ready`, with a hundred servers configured, on a state that exists; and what it then holds. The worst of several. */
export async function probeStart(folder: string, upstream: UpstreamAddress) {
  const options = { folder: join(folder, 'start'), upstream, name: 'start', moreServers: SERVERS - OWN_SERVERS }
  // The first start makes keys and tables; the bar is about every later one.
  await (await startGateway(options)).process.stop()
  let readyMs = 0
  let idleRssMiB = 0
  for (let time = 1; time <= TIMES; time += 1) {
    const beganMs = performance.now()
    const { process: started } = await startGateway(options)
    readyMs = Math.max(readyMs, performance.now() - beganMs)
    await sleep(SETTLE_MS)
    idleRssMiB = Math.max(idleRssMiB, usageOfTree(started.pid).rssBytes / 1024 ** 2)
    await started.stop()
  }
  return { servers: SERVERS, times: TIMES, readyMs, idleRssMiB }
}
