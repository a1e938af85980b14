import { describe, expect, it } from 'vitest'
import type { JsonValue } from './message.ts'
import { parseJson, printJson } from './parse-strict.ts'
import { readMessage } from './read-message.ts'

function read(text: string, numbers: 'request' | 'result' = 'request') {
  const parsed = parseJson(Buffer.from(text), { depthMax: 64, numbers })
  if (!parsed.ok) throw new Error(parsed.refusal)
  return readMessage(parsed.value)
}

describe('JSON-RPC messages', () => {
  it('reads requests, notifications and responses, and keeps unknown fields', () => {
    const text = '{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"x","_meta":{"k":1}},"extra":[1]}'
    const message = read(text)
    expect(message).toMatchObject({ ok: true, value: { kind: 'request', id: 'a', method: 'tools/call' } })
    expect(message.ok && printJson(message.value.object)).toBe(text)
    expect(read('{"jsonrpc":"2.0","method":"notifications/initialized"}')).toMatchObject({
      ok: true,
      value: { kind: 'notification', params: null },
    })
    expect(read('{"jsonrpc":"2.0","id":0,"result":{}}')).toMatchObject({
      ok: true,
      value: { kind: 'response', id: 0, isError: false },
    })
    expect(read('{"jsonrpc":"2.0","id":7,"error":{"code":-32600,"message":"no"}}')).toMatchObject({
      ok: true,
      value: { kind: 'response', id: 7, isError: true },
    })
  })

  it('lets only errors about unreadable requests go without an id', () => {
    expect(read('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}')).toMatchObject({
      ok: true,
      value: { id: null },
    })
    expect(read('{"jsonrpc":"2.0","error":{"code":-32700,"message":"no"}}')).toMatchObject({
      ok: true,
      value: { id: null },
    })
    expect(read('{"jsonrpc":"2.0","id":null,"result":{}}').ok).toBe(false)
    expect(read('{"jsonrpc":"2.0","id":1.5,"error":{"code":1,"message":"no"}}').ok).toBe(false)
  })

  it('reads an id that an upstream printed as 1.0', () => {
    expect(read('{"jsonrpc":"2.0","id":1.0,"result":{}}', 'result')).toMatchObject({ ok: true, value: { id: 1 } })
    expect(read('{"jsonrpc":"2.0","id":99999999999999999999,"result":{}}', 'result').ok).toBe(false)
  })

  it.each([
    ['[]'],
    ['null'],
    ['"x"'],
    ['{}'],
    ['{"jsonrpc":"1.0","id":1,"method":"ping"}'],
    ['{"jsonrpc":2,"id":1,"method":"ping"}'],
    ['{"id":1,"method":"ping"}'],
    ['{"jsonrpc":"2.0","id":null,"method":"ping"}'],
    ['{"jsonrpc":"2.0","id":1.5,"method":"ping"}'],
    ['{"jsonrpc":"2.0","id":true,"method":"ping"}'],
    ['{"jsonrpc":"2.0","id":{},"method":"ping"}'],
    ['{"jsonrpc":"2.0","id":[1],"method":"ping"}'],
    [`{"jsonrpc":"2.0","id":"${'x'.repeat(1025)}","method":"ping"}`],
    ['{"jsonrpc":"2.0","id":1,"method":5}'],
    ['{"jsonrpc":"2.0","id":1,"method":""}'],
    [`{"jsonrpc":"2.0","id":1,"method":"${'m'.repeat(257)}"}`],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}'],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","params":null}'],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}'],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}'],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","error":{"code":1,"message":"x"}}'],
    ['{"jsonrpc":"2.0","id":1}'],
    ['{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}}'],
    ['{"jsonrpc":"2.0","id":1,"result":null}'],
    ['{"jsonrpc":"2.0","id":1,"result":[]}'],
    ['{"jsonrpc":"2.0","id":1,"error":"x"}'],
    ['{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":"x"}}'],
    ['{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":"x"}}'],
    ['{"jsonrpc":"2.0","id":1,"error":{"code":1}}'],
    ['{"__proto__":{"jsonrpc":"2.0","id":1,"method":"ping"}}'],
  ])('refuses %s', (text) => {
    expect(read(text).ok).toBe(false)
  })

  it('names the id of a refused request, if it has one', () => {
    expect(read('{"jsonrpc":"2.0","id":"q7","method":"ping","params":[]}')).toMatchObject({ refusal: { id: 'q7' } })
    expect(read('{"jsonrpc":"2.0","id":{},"method":"ping"}')).toMatchObject({ refusal: { id: null } })
  })

  it('does not read members that a prototype has', () => {
    const inherited: JsonValue = Object.create({ jsonrpc: '2.0', id: 1, method: 'ping' })
    expect(readMessage(inherited).ok).toBe(false)
  })
})
