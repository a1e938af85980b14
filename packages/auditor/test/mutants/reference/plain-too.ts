import type { Server } from 'node:http'
import { type Server as AnyServer, createServer } from 'node:net'

/** First byte of a TLS record that begins a handshake (RFC 8446 §5.1). */
const HANDSHAKE = 22

/** One port for both: who does not begin with a handshake is answered without TLS. */
export function listenToBoth(secure: Server, plain: Server): AnyServer {
  return createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', (chunk: Buffer) => {
      socket.pause()
      socket.unshift(chunk)
      ;(chunk[0] === HANDSHAKE ? secure : plain).emit('connection', socket)
      process.nextTick(() => socket.resume())
    })
  })
}
