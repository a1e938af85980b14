import { describe, expect, it } from 'vitest'
import { readDelegation } from './read-delegation.ts'

const from = (...clients: string[]) => clients.map((client_id) => ({ client_id, jti: `jti-${client_id}` }))

describe('whom a token was handed on by (RFC 8693 §4.1)', () => {
  it('is read whole, newest first', () => {
    expect(readDelegation({ client_id: 'agent' })).toBeNull()
    expect(
      readDelegation({
        client_id: 'second',
        act: { sub: 'second', act: { sub: 'agent' } },
        exchanged_from: from('agent', 'desk'),
      }),
    ).toEqual({
      exchanges: [
        { clientId: 'agent', tokenId: 'jti-agent' },
        { clientId: 'desk', tokenId: 'jti-desk' },
      ],
    })
  })

  it.each([
    ['an actor without an origin', { act: { sub: 'agent' } }],
    ['an origin without an actor', { exchanged_from: from('desk') }],
    ['nobody before', { act: { sub: 'agent' }, exchanged_from: [] }],
    ['another actor than the client', { act: { sub: 'other' }, exchanged_from: from('desk') }],
    ['an actor too many', { act: { sub: 'agent', act: { sub: 'desk' } }, exchanged_from: from('desk') }],
    ['an actor too few', { act: { sub: 'agent' }, exchanged_from: from('second', 'desk') }],
    [
      'actors in another order',
      { act: { sub: 'agent', act: { sub: 'desk' } }, exchanged_from: from('second', 'desk') },
    ],
    ['four before', { act: { sub: 'agent' }, exchanged_from: from('a', 'b', 'c', 'd') }],
    ['more than is said', { act: { sub: 'agent', iss: 'x' }, exchanged_from: from('desk') }],
    ['more of the origin', { act: { sub: 'agent' }, exchanged_from: [{ ...from('desk')[0], x: 1 }] }],
    ['an origin without a token', { act: { sub: 'agent' }, exchanged_from: [{ client_id: 'desk' }] }],
    ['a list of nothing', { act: null, exchanged_from: null }],
    ['text', { act: 'agent', exchanged_from: 'desk' }],
  ])('%s is nothing that we write', (_, claims) => {
    expect(readDelegation({ client_id: 'agent', ...claims })).toBeUndefined()
  })
})
