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
    const answers = message.calls.map(({ id, method }) => ({ id, isOk: true, value: method }))
    for (const answer of answers.reverse()) parentPort.postMessage({ kind: 'answers', answers: [answer] })
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

it('calls gather while the worker is at work, and then go together', async () => {
  const calls = callsTo(`
    if (message.kind === 'close') process.exit(0)
    const value = message.calls.map(({ method }) => method).join()
    setTimeout(() => parentPort.postMessage({ kind: 'answers', answers: message.calls.map(({ id }) => ({ id, isOk: true, value })) }), 50)`)
  await calls.opened
  const first = calls.call('port', 'a', [])
  const alongside = calls.call('port', 'b', [])
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  const later = ['c', 'd', 'e'].map((method) => calls.call('port', method, []))
  expect(await Promise.all([first, alongside])).toEqual(['a,b', 'a,b'])
  expect(await Promise.all(later)).toEqual(['c,d,e', 'c,d,e', 'c,d,e'])
  await calls.close()
})

it('arguments that cannot be passed on are refused to their caller alone', async () => {
  const calls = callsTo(`
    if (message.kind === 'close') process.exit(0)
    parentPort.postMessage({ kind: 'answers', answers: message.calls.map(({ id, method: value }) => ({ id, isOk: true, value })) })`)
  await calls.opened
  const [good, bad] = await Promise.allSettled([calls.call('port', 'a', []), calls.call('port', 'b', [() => {}])])
  expect(good).toEqual({ status: 'fulfilled', value: 'a' })
  expect(bad).toMatchObject({ reason: { message: 'the arguments of port.b cannot be passed on' } })
  await calls.close()
})
