import { expect, test } from 'vitest'
import { asSubjectId, asTenantId } from '#core/ids.ts'
import { ListenerPlaces } from './listener-places.ts'

const who = (subject: string) => ({ tenant: asTenantId('default'), subject: asSubjectId(subject) })

test('a subject has so many places per server, and giving one back twice makes no more', () => {
  const places = new ListenerPlaces(2)
  const first = places.take(who('alice'), 'notes')
  expect(first).not.toBeNull()
  expect(places.take(who('alice'), 'notes')).not.toBeNull()
  expect(places.take(who('alice'), 'notes')).toBeNull()
  expect(places.take(who('alice'), 'mail')).not.toBeNull()
  expect(places.take(who('bob'), 'notes')).not.toBeNull()
  first?.()
  first?.()
  expect(places.take(who('alice'), 'notes')).not.toBeNull()
  expect(places.take(who('alice'), 'notes')).toBeNull()
})

test('all subjects together leave half of the connections to calls', () => {
  const places = new ListenerPlaces(4)
  const taken = Array.from({ length: 300 }, (_, index) => places.take(who(`user-${index}`), 'notes'))
  expect(taken.filter((place) => place !== null)).toHaveLength(256)
})
