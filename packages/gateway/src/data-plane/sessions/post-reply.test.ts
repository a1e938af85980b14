import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { PostReply, type PostReplyOptions } from './post-reply.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** One POST whose JSON answer has this many bytes, to a client that reads or not; tells how its response ended. */
async function answerOf(bytes: number, isReading: boolean): Promise<'sent' | 'cut'> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  closers.push(() => {
    socket.destroy()
    server.close()
  })
  socket.on('error', () => undefined)
  if (isReading) socket.resume()
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n')
  const [, response] = (await once(server, 'request')) as [unknown, ServerResponse]
  // Streams and principal are for answers that became event streams.
  const options = { response, requests: 1, isBatch: false, opensAfterMs: 60_000, stallMs: 100 }
  new PostReply(options as unknown as PostReplyOptions).answer('x'.repeat(bytes), null)
  await once(response, 'close')
  return response.writableFinished ? 'sent' : 'cut'
}

it('a JSON answer of which nothing is taken is given up; one that is read arrives, however large', async () => {
  expect(await answerOf(32 * 1024 * 1024, true)).toBe('sent')
  expect(await answerOf(32 * 1024 * 1024, false)).toBe('cut')
})
