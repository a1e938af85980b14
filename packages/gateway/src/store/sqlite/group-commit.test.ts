import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { RollBack } from '../sql/roll-back.ts'
import { commitTogether } from './group-commit.ts'

let db: DatabaseSync
let statements: string[]

beforeEach(() => {
  db = new DatabaseSync(':memory:')
  db.exec('pragma foreign_keys = on')
  db.exec('create table kept (name text primary key)')
  db.exec('create table child (name text references kept (name) deferrable initially deferred)')
  statements = []
})
afterEach(() => db.close())

const insert = (name: string) => async () => {
  db.prepare('insert into kept values (?)').run(name)
  statements.push(name)
  return name
}
const kept = () =>
  db
    .prepare('select name from kept order by name')
    .all()
    .map(({ name }) => name)
const failing = (name: string, error: Error) => async () => {
  await insert(name)()
  throw error
}

it('calls of a group are committed together', async () => {
  expect(await commitTogether(db, [insert('a'), insert('b')])).toEqual([
    { ok: true, value: 'a' },
    { ok: true, value: 'b' },
  ])
  expect(db.isTransaction).toBe(false)
  expect(kept()).toEqual(['a', 'b'])
})

it('a call that throws takes back its own writes and nobody else’s', async () => {
  const error = new Error('broken')
  const outcomes = await commitTogether(db, [insert('a'), failing('b', error), insert('c')])
  expect(outcomes).toEqual([
    { ok: true, value: 'a' },
    { ok: false, error },
    { ok: true, value: 'c' },
  ])
  expect(kept()).toEqual(['a', 'c'])
})

it('a call that fails on a constraint does too', async () => {
  const outcomes = await commitTogether(db, [insert('a'), insert('a'), insert('b')])
  expect(outcomes.map((outcome) => outcome.ok)).toEqual([true, false, true])
  expect(kept()).toEqual(['a', 'b'])
})

it('an expected refusal resolves with its outcome, without its writes', async () => {
  const outcomes = await commitTogether(db, [failing('a', new RollBack('lostRace')), insert('b')])
  expect(outcomes).toEqual([
    { ok: true, value: 'lostRace' },
    { ok: true, value: 'b' },
  ])
  expect(kept()).toEqual(['b'])
})

it('when the commit fails, every call of the group fails and nothing is kept', async () => {
  const orphan = async () => db.prepare('insert into child values (?)').run('nobody')
  const outcomes = await commitTogether(db, [insert('a'), orphan, insert('b')])
  expect(outcomes.map((outcome) => outcome.ok)).toEqual([false, false, false])
  expect(db.isTransaction).toBe(false)
  expect(kept()).toEqual([])
  expect((await commitTogether(db, [insert('c')]))[0]).toEqual({ ok: true, value: 'c' })
})

it('when SQLite gives up the whole transaction, only the call that made it do so fails', async () => {
  // `on conflict rollback` ends the transaction as a full disk or an I/O error may.
  db.exec('create table strict_one (id integer primary key on conflict rollback)')
  const twice = async () => {
    await insert('lost')()
    db.exec('insert into strict_one values (1)')
    db.exec('insert into strict_one values (1)')
  }
  const outcomes = await commitTogether(db, [insert('a'), twice, insert('b')])
  expect(outcomes.map((outcome) => (outcome.ok ? outcome.value : String(outcome.error)))).toEqual([
    'a',
    'Error: UNIQUE constraint failed: strict_one.id',
    'b',
  ])
  expect(kept()).toEqual(['a', 'b'])
  expect(db.isTransaction).toBe(false)
})

it('when no transaction can begin, nothing runs', async () => {
  db.exec('begin')
  const outcomes = await commitTogether(db, [insert('a')])
  expect(outcomes.map((outcome) => outcome.ok)).toEqual([false])
  expect(statements).toEqual([])
})
