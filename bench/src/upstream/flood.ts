import type { ServerResponse } from 'node:http'

const FLOOD_EVENT = `data: ${JSON.stringify({
  jsonrpc: '2.0',
  method: 'notifications/message',
  params: { level: 'info', data: 'x'.repeat(16 * 1024) },
})}\n\n`
const FLOOD_BYTES_MAX = 64 * 1024 * 1024

let flooded = 0
/** Floods that began before it was asked last are somebody else's. */
let asked = 0

/** Log messages for as long as somebody reads, and then the answer. */
export async function flood(response: ServerResponse, text: string): Promise<void> {
  const mine = asked
  let sent = 0
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  while (sent < FLOOD_BYTES_MAX && !response.destroyed) {
    sent += FLOOD_EVENT.length
    if (mine === asked) flooded = Math.max(flooded, sent)
    if (response.write(FLOOD_EVENT)) continue
    await new Promise((resolve) => {
      response.once('drain', resolve)
      response.once('close', resolve)
    })
  }
  response.end(`data: ${text}\n\n`)
}

/** Most bytes that one flood got rid of since it was asked last. */
export function takeFlooded(): number {
  const most = flooded
  flooded = 0
  asked += 1
  return most
}
