import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerRoutine, idOf } from '../corpus/roads.ts'
import { openHttpUpstream, type Upstream } from '../corpus/upstream-side.ts'
import { at, printWire, readWire } from '../corpus/wire-text.ts'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { openRawSession, type RawSession } from '../support/raw-client.ts'

let gateway: DataPlaneGateway
let upstream: Upstream

beforeAll(async () => {
  upstream = await openHttpUpstream()
  upstream.arrivals.intercept = (arrival) => answerRoutine(arrival, 'legacy')
  gateway = await startDataPlane({ servers: { notes: { upstream: upstream.spec } } })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

/** What the server reads, in a reading that has no memory. */
async function argumentsAtServer(session: RawSession, args: string): Promise<string> {
  const posting = session.post(
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_it","arguments":${args}}}`,
  )
  const { body, response } = await upstream.arrivals.take('the call', () => true)
  response?.writeHead(200, { 'content-type': 'application/json' })
  response?.end(`{"jsonrpc":"2.0","id":${idOf(body)},"result":{"content":[]}}`)
  expect((await posting).status).toBe(200)
  return printWire(at(readWire(body), ['params', 'arguments']) ?? readWire('null'))
}

// V8 guesses a key from objects that it has read before, and compares its guess with the text as written (nodejs/node#63785).
describe('one caller’s message changes how another caller’s is read', () => {
  test.each([
    ['a line feed', '\\n', '\\\\'],
    ['a letter, escaped', '\\u0061mount', '\\\\u0061'],
    ['a name that is not ASCII, as Python prints it', '\\u00fcbersicht', '\\\\u00fcber'],
  ])('%s in a key means what it says, whatever Mallory sent before', async (_what, written, planted) => {
    const mallory = await openRawSession(gateway.url('notes'), 'token-mallory')
    const alice = await openRawSession(gateway.url('notes'), 'token-alice')
    expect(await argumentsAtServer(mallory, `{"account":1,"${planted}":2}`)).toBe(`{"account":1,"${planted}":2}`)
    const expected = printWire(readWire(`{"account":1,"${written}":2}`))
    expect(await argumentsAtServer(alice, `{"account":1,"${written}":2}`)).toBe(expected)
  })
})
