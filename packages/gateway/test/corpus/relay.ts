import { connect } from 'node:net'

/** `node relay.ts PORT`: a process that is only the two ends of a socket, so that a test can be the server behind standard streams. */
const socket = connect(Number(process.argv[2]), '127.0.0.1')
process.stdin.pipe(socket)
socket.pipe(process.stdout)
socket.once('close', () => process.exit(0))
