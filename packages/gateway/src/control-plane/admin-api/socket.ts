import { chmod, lstat, mkdir, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { userInfo } from 'node:os'
import { dirname } from 'node:path'
import type { Clock } from '#core/clock.ts'
import { asRequestId } from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import { type Random, uuidv7 } from '#core/random.ts'
import { systemErrorCode } from '#core/system-error.ts'
import type { Route } from '#http/exchange.ts'
import { sendText } from '#http/respond.ts'
import { createRouter } from '#http/router.ts'
import { readTarget } from '#http/target.ts'
import { socketPath } from './socket-path.ts'

const CONNECTIONS_MAX = 64
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
/** On close, answers under way get this long before their connections are cut. */
const DRAIN_MS = 1_000
const LIMITS = { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: HEADERS_TIMEOUT_MS }
/** Permission bits that let anybody but the owner in. */
const OTHERS = 0o077

export interface SocketOptions {
  readonly routes: readonly Route[]
  readonly stateDir: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export interface AdminSocket {
  readonly path: string
  close(): Promise<void>
}

/**
 * Serves the routes on a Unix socket that only this user can open (0600 in a 0700 folder). A socket left behind by a process that died
 * is replaced: the caller holds the store's lock, so nobody else is serving this state. Throws if the folder is open to others.
 */
export async function listenOnSocket(options: SocketOptions): Promise<AdminSocket> {
  const { clock, random, log } = options
  const path = socketPath(options.stateDir)
  await preparePrivateFolder(dirname(path))
  await removeStaleSocket(path)
  const router = createRouter(options.routes)
  const server = createServer(LIMITS, (request, response) => {
    const requestId = asRequestId(uuidv7(random, clock.nowMs()))
    response.setHeader('x-request-id', requestId)
    const target = readTarget(request.url ?? '')
    if (!target.ok) {
      sendText(response, 400, `Bad request: ${target.refusal}. Request ${requestId}.\n`)
      return
    }
    router({ request, response, requestId, ...target.value, clientAddress: 'local' }).catch((cause: unknown) => {
      log.error('an admin request failed', { requestId, cause })
      if (response.headersSent) response.destroy()
      else sendText(response, 500, `Something failed on our side. Request ${requestId}.\n`)
    })
  })
  server.maxConnections = CONNECTIONS_MAX
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      resolve()
    })
  })
  // The folder already keeps others out; the mode says so on the socket itself too.
  await chmod(path, 0o600)
  return {
    path,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
        setTimeout(() => server.closeAllConnections(), DRAIN_MS).unref()
      }),
  }
}

async function preparePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const found = await lstat(folder)
  if (!found.isDirectory() || found.uid !== userInfo().uid || (found.mode & OTHERS) !== 0)
    throw new Error(`the folder of the admin socket must belong to this user alone (mode 0700): ${folder}`)
}

async function removeStaleSocket(path: string): Promise<void> {
  try {
    if (!(await lstat(path)).isSocket()) throw new Error(`something that is not a socket is in the way: ${path}`)
    await rm(path)
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return
    throw cause
  }
}
