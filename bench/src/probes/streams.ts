import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Candidate, onlyTarget } from '../candidates/candidate.ts'
import { Connection } from '../load/connection.ts'
import { openSession } from '../load/mcp-session.ts'
import { callBody, postText } from '../load/request-text.ts'
import { usageOfTrees } from '../machine.ts'
import { FLOOD_TOOL } from '../payload.ts'

/** Enough for what the process takes once to stay small beside them. */
const STALLED_READERS = 32
const STALL_MS = 5_000
/** What a socket takes before it notices that nobody wants it. */
const READ_AHEAD_BYTES_MAX = 256 * 1024
const HOLD_MS = 3_000
const MIB = 1024 ** 2

/**
 * Readers that ask for a stream of 64 MiB and never read. What each of them makes the candidate hold, in MiB; and how much the upstream got rid
 * of for one of them before it was made to wait; sockets' own buffers on the way are in that.
 */
export async function probeStalledReaders(candidate: Candidate, token: string | null, upstreamPort: number) {
  const target = onlyTarget(candidate)
  const memory = () => usageOfTrees(candidate.pids, candidate.serverBehind).rssBytes
  const connection = await Connection.open(target)
  const session = await openSession(connection, target, token)
  const before = memory()
  const sockets: Socket[] = []
  for (let id = 1; id <= STALLED_READERS; id += 1) {
    const socket = connect(target.port, '127.0.0.1')
    sockets.push(socket)
    socket.on('error', () => {})
    socket.pause()
    socket.write(postText(target, token, session, callBody(FLOOD_TOOL)(id)))
  }
  let peak = before
  for (let waitedMs = 0; waitedMs < STALL_MS; waitedMs += 100) {
    await sleep(100)
    peak = Math.max(peak, memory())
  }
  const reading = sockets.filter((socket) => socket.bytesRead > READ_AHEAD_BYTES_MAX || socket.destroyed).length
  const flooded = Number(await (await fetch(`http://127.0.0.1:${upstreamPort}/flooded`)).text())
  for (const socket of sockets) socket.destroy()
  connection.close()
  if (reading > 0)
    throw new Error(`${reading} of ${STALLED_READERS} readers did not stall but read or lost their stream`)
  return {
    readers: STALLED_READERS,
    mibPerReader: (peak - before) / MIB / STALLED_READERS,
    passedMiB: flooded / MIB,
  }
}

/** Event streams that nothing is sent on, one session each. KiB that each costs, and how many were opened and still open at the end. */
export async function probeIdleStreams(candidate: Candidate, tokens: readonly (string | null)[], count: number) {
  const target = onlyTarget(candidate)
  const memory = () => usageOfTrees(candidate.pids, candidate.serverBehind).rssBytes
  const before = memory()
  const connection = await Connection.open(target)
  const sockets: Socket[] = []
  let open = 0
  try {
    for (let index = 0; index < count; index += 1) {
      const token = tokens[index % tokens.length] ?? null
      const session = await openSession(connection, target, token)
      const socket = connect(target.port, '127.0.0.1')
      sockets.push(socket)
      let isOpen = false
      socket.on('data', (bytes: Buffer) => {
        if (isOpen || !bytes.toString('latin1').startsWith('HTTP/1.1 200')) return
        isOpen = true
        open += 1
      })
      socket.on('error', () => {})
      socket.on('close', () => {
        if (isOpen) open -= 1
        isOpen = false
      })
      const authorization = token === null ? '' : `Authorization: Bearer ${token}\r\n`
      socket.write(
        `GET ${target.path} HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\n${authorization}Accept: text/event-stream\r\n` +
          `MCP-Protocol-Version: ${session.revision}\r\nMcp-Session-Id: ${session.id ?? ''}\r\n\r\n`,
      )
    }
    await sleep(HOLD_MS)
    return { asked: count, open, kibPerStream: (memory() - before) / 1024 / count }
  } finally {
    for (const socket of sockets) socket.destroy()
    connection.close()
  }
}
