import { stat } from 'node:fs/promises'
import { socketPath } from '#control-plane/admin-api/socket-path.ts'
import { StoreInUse } from '#store/errors.ts'
import { type AdminClient, connectToSocket } from './admin-client.ts'
import { CliFailure, EXIT } from './exit-codes.ts'
import type { CliIo } from './io.ts'
import type { Environment, Places } from './places.ts'

/** The running server of this state if there is one, else the state itself. */
export async function openAdmin(
  places: Places,
  env: Environment,
  io: CliIo,
  mayCreateState: boolean,
): Promise<AdminClient> {
  const running = await connectToSocket(socketPath(places.stateDir))
  if (running !== null) return running
  if (!mayCreateState && !(await exists(places.stateDir)))
    throw new CliFailure(
      EXIT.unreachable,
      `There is no state in ${places.stateDir}. Name the folder with --state-dir, or start the gateway once.`,
    )
  const { openLocalAdmin } = await import('./local-admin.ts')
  try {
    return await openLocalAdmin(places, env, io)
  } catch (cause) {
    if (cause instanceof CliFailure) throw cause
    if (cause instanceof StoreInUse)
      throw new CliFailure(
        EXIT.unreachable,
        'Another process uses this state, but does not answer on its socket. If it is starting, try again in a moment.',
      )
    const reason = cause instanceof Error ? cause.message : 'unknown reason'
    throw new CliFailure(EXIT.unreachable, `The state in ${places.stateDir} cannot be opened: ${reason}.`, { cause })
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch {
    return false
  }
}
