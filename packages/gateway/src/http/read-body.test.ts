import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { readBody } from './read-body.ts'

/** Only what readBody looks at. */
const requestOf = (body: Readable, headers: Record<string, string> = {}) =>
  Object.assign(body, { headers }) as unknown as IncomingMessage

it('gives the bytes back in order, however they were cut', async () => {
  const text = Buffer.from('x'.repeat(40_000) + 'y'.repeat(40_000))
  for (const size of [1, 7, 16_384, 80_000]) {
    const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
      text.subarray(i * size, (i + 1) * size),
    )
    const read = await readBody(requestOf(Readable.from(pieces)), text.length)
    expect(read.ok && Buffer.from(read.value).equals(text), `in pieces of ${size}`).toBe(true)
  }
})

it('an empty body is no bytes', async () => {
  expect(await readBody(requestOf(Readable.from([])), 10)).toEqual({ ok: true, value: Buffer.alloc(0) })
})

it('a body cut into single bytes costs about what it weighs', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void // The flag above makes it.
  const bytes = 2 ** 20
  let held = 0
  function* singles() {
    const read = Buffer.alloc(1024)
    collect()
    const before = process.memoryUsage()
    for (let i = 0; i < bytes; i += 1) yield read.subarray(i % 1024, (i % 1024) + 1)
    collect()
    const after = process.memoryUsage()
    held = after.heapUsed + after.external - before.heapUsed - before.external
  }
  const body = await readBody(requestOf(Readable.from(singles(), { objectMode: true })), bytes)
  expect(body.ok && body.value.length).toBe(bytes)
  expect(held).toBeLessThan(8 * bytes)
})

it('a request whose client has already gone is refused at once', async () => {
  const gone = new Readable({ read: () => undefined })
  gone.destroy()
  await new Promise((resolve) => gone.once('close', resolve))
  expect(await readBody(requestOf(gone), 10, 60_000)).toEqual({ ok: false, refusal: 'aborted' })
})

it('a body that does not come is given up on', async () => {
  expect(await readBody(requestOf(new Readable({ read: () => undefined })), 10, 5)).toEqual({
    ok: false,
    refusal: 'timedOut',
  })
})

it.each([{ 'content-length': '11' }, {}])('a body beyond its limit is refused (%j)', async (headers) => {
  const body = Readable.from([Buffer.from('hello '), Buffer.from('world')])
  expect(await readBody(requestOf(body, headers), 10)).toEqual({ ok: false, refusal: 'tooLarge' })
})
