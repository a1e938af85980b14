import { expect, it } from 'vitest'
import { OutboundFailure } from './outbound-failure.ts'
import { IncomingBody } from './upstream-body.ts'

function open() {
  const told: string[] = []
  const body = new IncomingBody({
    pause: () => told.push('pause'),
    resume: () => told.push('resume'),
    abort: () => told.push('abort'),
  })
  return { body, told }
}
const bytes = (text: string) => Buffer.from(text)

it('is taken whole, whether it comes before its reader or after', async () => {
  const { body } = open()
  body.push(bytes('a'))
  const whole = body.whole(3)
  body.push(bytes('b'))
  body.push(bytes('c'))
  body.finish('whole')
  expect(Buffer.from((await whole) ?? []).toString()).toBe('abc')
  const empty = open().body
  empty.finish('whole')
  expect(await empty.whole(0)).toHaveLength(0)
})

it('one byte over the bound is nothing, and breaks it off', async () => {
  const { body, told } = open()
  body.push(bytes('abcd'))
  expect(await body.whole(3)).toBeNull()
  expect(told).toEqual(['abort'])
})

it('pauses its source beyond 64 KiB that nobody reads, and lets it go on when they were read', async () => {
  const { body, told } = open()
  for (let chunk = 0; chunk < 64; chunk += 1) body.push(Buffer.alloc(1024))
  expect(told).toEqual([])
  body.push(Buffer.alloc(1))
  body.push(Buffer.alloc(1))
  expect(told).toEqual(['pause'])
  const reader = body[Symbol.asyncIterator]()
  await reader.next()
  expect(told).toEqual(['pause', 'resume'])
})

it('what broke off is a failure, after what had come', async () => {
  const { body } = open()
  body.push(bytes('a'))
  body.finish(new OutboundFailure('reset'))
  body.finish('whole')
  const reader = body[Symbol.asyncIterator]()
  expect((await reader.next()).value).toEqual(bytes('a'))
  await expect(reader.next()).rejects.toMatchObject({ reason: 'reset' })
  const waiting = open().body
  const whole = waiting.whole(9)
  waiting.finish(new OutboundFailure('timedOut'))
  await expect(whole).rejects.toMatchObject({ reason: 'timedOut' })
})

it('destroyed, it is never taken for whole, takes nothing more and breaks off once', async () => {
  const { body, told } = open()
  const whole = body.whole(9)
  body.push(bytes('a'))
  body.destroy()
  body.destroy()
  body.push(bytes('b'))
  await expect(whole).rejects.toMatchObject({ reason: 'aborted' })
  expect((await body[Symbol.asyncIterator]().next()).done).toBe(true)
  expect(told).toEqual(['abort'])
  const ended = open()
  ended.body.finish('whole')
  ended.body.destroy()
  expect(ended.told).toEqual([])
})

it('leaving the iteration breaks it off', async () => {
  const { body, told } = open()
  body.push(bytes('a'))
  for await (const chunk of body) {
    expect(chunk).toEqual(bytes('a'))
    break
  }
  expect(told).toEqual(['abort'])
})
