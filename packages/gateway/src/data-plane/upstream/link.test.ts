import { describe, expect, test } from 'vitest'
import { systemClock } from '#core/clock.ts'
import { ok, refused } from '#core/result.ts'
import type { JsonObject } from '#wire/jsonrpc/message.ts'
import type { Cleared } from '../inspection/inspect-arguments.ts'
import { DATA_PLANE_LIMITS } from '../limits.ts'
import type { UpstreamEvents } from './connection.ts'
import { Link } from './link.ts'
import { readUpstreamMessage } from './read-message.ts'

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** A link on a transport that records what is sent and says what the test wants. */
async function openLink(callTimeoutMs = 1_000) {
  const sent: JsonObject[] = []
  let events: UpstreamEvents | null = null
  const say = (message: object) => {
    const read = readUpstreamMessage(JSON.stringify(message))
    if (read !== null) events?.onMessage(read, null)
  }
  const heard: string[] = []
  const link = new Link<string>({
    open: async (given) => {
      events = given
      return ok({
        send: async (message) => {
          sent.push(message)
          if (message['method'] === 'initialize') {
            const result = { protocolVersion: '2025-11-25', capabilities: {} }
            queueMicrotask(() => say({ jsonrpc: '2.0', id: message['id'], result }))
          }
          return ok(undefined)
        },
        forget: () => {},
        useRevision: () => {},
        pause: () => {},
        resume: () => {},
        close: async () => {},
      })
    },
    limits: DATA_PLANE_LIMITS,
    callTimeoutMs,
    clock: systemClock,
    log,
    onMessage: (message) => heard.push(message.kind),
    onBroken: (reason) => heard.push(reason),
  })
  await link.initialize({})
  return { link, sent, say, heard }
}

describe('one conversation with an upstream', () => {
  test('an object that only looks cleared cannot be sent', async () => {
    const { link, sent } = await openLink()
    const before = sent.length
    const begun = link.begin('x', null, 'context')
    if (!begun.ok) throw new Error('not begun')
    // What a careless or hostile caller inside the process could build.
    const forged = { permit: {}, object: { jsonrpc: '2.0', id: 'x', method: 'tools/call' } } as unknown as Cleared
    await expect(link.run(begun.value, forged)).rejects.toThrow('not cleared')
    await expect(link.tell(forged, {})).rejects.toThrow('not cleared')
    await expect(link.cancel(forged, 'x')).rejects.toThrow('not cleared')
    expect(sent).toHaveLength(before)
    await link.close()
  })

  test('a second answer to one request, and answers to no request, are dropped', async () => {
    const { link, sent, say, heard } = await openLink()
    const asked = link.ask('tools/list', {})
    await Promise.resolve()
    const id = sent.at(-1)?.['id']
    say({ jsonrpc: '2.0', id: 99, result: { from: 'nobody' } })
    say({ jsonrpc: '2.0', id, result: { from: 'first' } })
    say({ jsonrpc: '2.0', id, result: { from: 'second' } })
    expect(await asked).toMatchObject({ kind: 'answered', object: { result: { from: 'first' } } })
    expect(heard).toEqual([])
    await link.close()
  })

  test('a request is given up on at its time limit, and the upstream is told', async () => {
    const { link, sent } = await openLink(20)
    expect(await link.ask('tools/list', {})).toEqual({ kind: 'timedOut' })
    const id = sent.find(({ method }) => method === 'tools/list')?.['id']
    expect(sent.at(-1)).toMatchObject({ method: 'notifications/cancelled', params: { requestId: id } })
    await link.close()
  })

  test('closing ends what is under way', async () => {
    const { link } = await openLink()
    const asked = link.ask('tools/list', {})
    await link.close()
    expect(await asked).toEqual({ kind: 'lost', reason: 'sessionEnded' })
    expect(await link.ask('tools/list', {})).toEqual({ kind: 'lost', reason: 'sessionEnded' })
  })

  test.each([
    ['another protocol', { protocolVersion: '1999-01-01', capabilities: {} }],
    ['no protocol', { capabilities: {} }],
  ])('an upstream that answers initialize with %s is refused', async (_what, result) => {
    let events: UpstreamEvents | null = null
    let closed = 0
    const link = new Link<string>({
      open: async (given) => {
        events = given
        return ok({
          send: async (message) => {
            const read = readUpstreamMessage(JSON.stringify({ jsonrpc: '2.0', id: message['id'], result }))
            if (read !== null) queueMicrotask(() => events?.onMessage(read, null))
            return ok(undefined)
          },
          forget: () => {},
          useRevision: () => {},
          pause: () => {},
          resume: () => {},
          close: async () => {
            closed += 1
          },
        })
      },
      limits: DATA_PLANE_LIMITS,
      callTimeoutMs: 1_000,
      clock: systemClock,
      log,
      onMessage: () => {},
      onBroken: () => {},
    })
    expect(await link.initialize({})).toEqual(refused({ reason: 'handshakeRefused' }))
    expect(closed).toBe(1)
  })
})
