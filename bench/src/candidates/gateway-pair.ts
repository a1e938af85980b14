import { join } from 'node:path'
import type { Candidate } from './candidate.ts'
import { type GatewayOptions, type GatewayUnderTest, startGateway } from './gateway.ts'

/**
 * Two gateways that share nothing: own state, own keys, own users. It shows what a second process brings on this machine, not what
 * replicas of one gateway cost: on SQLite one process owns the state.
 */
export async function startGatewayPair(
  options: Pick<GatewayOptions, 'folder' | 'upstream' | 'name'>,
): Promise<{ readonly pair: readonly GatewayUnderTest[]; readonly candidate: Candidate }> {
  const { folder, upstream, name } = options
  const start = (number: number) =>
    startGateway({ folder: join(folder, `${name}-${number}`), upstream, name: `${name}-${number}` })
  const first = await start(1)
  const second = await start(2)
  const counts = [first.candidate.recorded, second.candidate.recorded]
  return {
    pair: [first, second],
    candidate: {
      ...first.candidate,
      name,
      work: `two independent gateways, no state shared, calls to both in turn; each: ${first.candidate.work}`,
      targets: [...first.candidate.targets, ...second.candidate.targets],
      pids: [...first.candidate.pids, ...second.candidate.pids],
      recorded: () => counts.reduce((sum, count) => sum + (count?.() ?? 0), 0),
    },
  }
}
