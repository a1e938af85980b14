import { describe, expect, it } from 'vitest'
import type { JsonValue } from '#wire/jsonrpc/message.ts'
import type { Authenticated } from '../authentication/authenticate.ts'
import { admitMessages, isEnvelope, readMessages } from './admit-messages.ts'
import type { RequestHead } from './request-head.ts'

const head = (revisionHeader: string | null) => ({
  revisionHeader,
  mirror: { method: null, name: null, params: new Map<string, string>() },
})
const ping = (id: JsonValue) => ({ jsonrpc: '2.0', id, method: 'ping' })
const note = { jsonrpc: '2.0', method: 'notifications/initialized' }

describe('batches', () => {
  it.each([null, '2025-03-26'])('are taken apart in order where the header says %s', (header) => {
    const read = readMessages([ping(1), note, ping('1'), { jsonrpc: '2.0', id: 1, result: {} }], head(header))
    expect(read.ok && read.value.messages.map(({ kind }) => kind)).toEqual([
      'request',
      'notification',
      'request',
      'response',
    ])
  })

  it.each(['2025-06-18', '2025-11-25', '2026-07-28', '2024-11-05'])('are refused where it says %s', (header) => {
    expect(readMessages([ping(1)], head(header))).toEqual({ ok: false, refusal: { name: 'batchNotAllowed' } })
  })

  it('have 1 to 50 messages', () => {
    expect(readMessages(Array(50).fill(note), head(null)).ok).toBe(true)
    for (const batch of [[], Array(51).fill(note)]) {
      expect(readMessages(batch, head(null))).toMatchObject({
        ok: false,
        refusal: { name: 'messageInvalid', id: null },
      })
    }
  })

  it('never hold initialize, an id twice, a batch, or a modern request', () => {
    const modern = { ...ping(2), params: { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } } }
    expect(readMessages([ping(1), { ...ping(2), method: 'initialize' }], head(null))).toMatchObject({
      refusal: { id: 2 },
    })
    expect(readMessages([ping(1), note, ping(1)], head(null))).toMatchObject({
      refusal: { name: 'messageInvalid', id: 1 },
    })
    expect(readMessages([ping(1), [ping(2)]], head(null))).toMatchObject({ refusal: { name: 'messageInvalid' } })
    expect(readMessages([ping(1), modern], head(null))).toMatchObject({ refusal: { name: 'batchNotAllowed' } })
  })
})

describe('an envelope', () => {
  it('is not made for a caller who was not authenticated', async () => {
    const head = {} as RequestHead
    // What a caller without types could pass.
    const forged = { head, principal: {} } as unknown as Authenticated
    await expect(admitMessages(head, forged, {} as never)).rejects.toThrow('not authenticated')
  })

  it('is not a look-alike', () => {
    for (const value of [{ authenticated: {}, messages: [], isBatch: false }, null, 'envelope', []]) {
      expect(isEnvelope(value)).toBe(false)
    }
  })
})
