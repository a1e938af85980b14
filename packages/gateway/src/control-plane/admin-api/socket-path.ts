import { createHash } from 'node:crypto'
import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'

/** The shortest limit of sockaddr_un among the systems we run on (macOS: 104 with the final NUL). */
const SOCKET_PATH_BYTES_MAX = 103

/**
 * Where the socket of a state folder is: inside it, or, when that path is too long for a socket, in a private folder under the system's
 * temporary one that both sides work out alike.
 */
export function socketPath(stateDir: string): string {
  const folder = resolve(stateDir)
  const inside = join(folder, 'sallyport.sock')
  if (Buffer.byteLength(inside) <= SOCKET_PATH_BYTES_MAX) return inside
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 16)
  return join(tmpdir(), `sallyport-${userInfo().uid}-${name}`, 'sallyport.sock')
}
