import { expect, it } from 'vitest'
import { StoreUnavailable, StoreUnsafe } from '../errors.ts'
import { judgeServer, type ServerFacts } from './judge-server.ts'

const good: ServerFacts = {
  version: 140_000,
  encoding: 'UTF8',
  fsync: 'on',
  full_page_writes: 'on',
  commit_before: 'on',
  commit: 'on',
  is_standby: false,
}

it.each(['on', 'remote_apply', 'remote_write', 'local'])(
  'a server that keeps its word is used as it is: %s',
  (commit) => {
    expect(judgeServer({ ...good, commit_before: commit, commit })).toEqual([])
  },
)

it.each([
  [{ version: 139_999 }, StoreUnsafe, 'older than PostgreSQL 14'],
  [{ encoding: 'SQL_ASCII' }, StoreUnsafe, 'UTF8'],
  [{ fsync: 'off' }, StoreUnsafe, 'fsync off'],
  [{ commit_before: 'off', commit: 'off' }, StoreUnsafe, 'synchronous_commit'],
  [{ is_standby: true }, StoreUnavailable, 'standby'],
])('%j is refused', (change, kind, message) => {
  expect(() => judgeServer({ ...good, ...change })).toThrow(kind)
  expect(() => judgeServer({ ...good, ...change })).toThrow(message)
})

it('one that says nothing is refused', () => {
  expect(() => judgeServer(undefined)).toThrow(StoreUnavailable)
})

it('what the operator should change is told', () => {
  expect(judgeServer({ ...good, commit_before: 'off', full_page_writes: 'off' })).toEqual([
    expect.stringContaining('synchronous_commit off'),
    expect.stringContaining('full_page_writes off'),
  ])
})
