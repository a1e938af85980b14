import { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { StoreFailure } from '../errors.ts'
import { StoreCalls } from './store-calls.ts'

/** A worker that says it is open and then does this with each message. */
function callsTo(onMessage: string): StoreCalls {
  const script = `const { parentPort } = require('node:worker_threads')
    parentPort.postMessage({ kind: 'opened' })
    parentPort.on('message', (message) => { ${onMessage} })`
  return new StoreCalls(new Worker(script, { eval: true }))
}

it.each([
  ['exits', 'process.exit(0)', 'the store is closed'],
  ['throws', "throw new Error('broken')", 'the store worker stopped'],
])('when the worker %s, calls under way and later ones are refused, and closing ends', async (_, action, message) => {
  const calls = callsTo(action)
  await calls.opened
  const underWay = [calls.call('feed', 'head', []), calls.call('feed', 'head', [])]
  for (const outcome of await Promise.allSettled(underWay)) {
    expect(outcome.status === 'rejected' && outcome.reason).toBeInstanceOf(StoreFailure)
    expect(outcome).toMatchObject({ reason: { message } })
  }
  await expect(calls.call('feed', 'head', [])).rejects.toThrow(message)
  await calls.close()
})

it('a worker that ends before it opened the store is a failure to open', async () => {
  const calls = new StoreCalls(new Worker('process.exit(0)', { eval: true }))
  await expect(calls.opened).rejects.toThrow(StoreFailure)
})

it('answers go to the call they belong to, whatever their order', async () => {
  const calls = callsTo(`
    globalThis.kept = [...(globalThis.kept ?? []), message]
    if (kept.length < 3) return
    for (const { id, method } of kept.reverse()) parentPort.postMessage({ kind: 'answered', id, value: method })
    process.exitCode = 0
    parentPort.close()`)
  await calls.opened
  expect(await Promise.all(['a', 'b', 'c'].map((method) => calls.call('port', method, [])))).toEqual(['a', 'b', 'c'])
  await calls.close()
})

it('calls beyond 4096 under way are refused at once', async () => {
  const calls = callsTo("if (message.kind === 'close') process.exit(0)")
  await calls.opened
  const underWay = Array.from({ length: 4096 }, () => calls.call('feed', 'head', []))
  const settled = Promise.allSettled(underWay)
  await expect(calls.call('feed', 'head', [])).rejects.toThrow('too many calls under way to take feed.head')
  await calls.close()
  expect((await settled).every((outcome) => outcome.status === 'rejected')).toBe(true)
})
