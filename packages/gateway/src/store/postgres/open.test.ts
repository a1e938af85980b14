import { createServer } from 'node:net'
import { inspect } from 'node:util'
import { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { Secret } from '#core/secret.ts'
import { document, NOW } from '../../../test/contract/samples.ts'
import { freePort } from '../../../test/e2e/support/gateway.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { asSuperuser, settingsOf } from '../../../test/support/postgres/connect.ts'
import { newPlace, openPlace, removePlace } from '../../../test/support/postgres/place.ts'
import { failureOf, smallEntry } from '../../../test/support/store.ts'
import { StoreFailure, StoreTooNew, StoreUnavailable } from '../errors.ts'
import type { EngineOperation } from '../ports/engine.ts'
import type { StoreHint } from '../ports/hints.ts'
import type { PostgresSettings } from '../ports/settings.ts'
import type { Store } from '../ports/store.ts'
import { clientConfig } from './client-config.ts'
import { openPostgresStore } from './open.ts'

let place: string
const opened: Store[] = []

beforeEach(async () => {
  place = await newPlace()
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()))
  await removePlace(place)
})

async function open(...args: Parameters<typeof openPlace> extends [string, ...infer R] ? R : never): Promise<Store> {
  const store = await openPlace(place, ...args)
  opened.push(store)
  return store
}

/** Statements of somebody else in the same schema. */
function elsewhere<T>(work: (client: Client) => Promise<T>): Promise<T> {
  return asSuperuser(place, async (client) => {
    await client.query(`set search_path to ${settingsOf(place).schema}`)
    return work(client)
  })
}

/** What the server does at the moment. A transaction under way would be shown the same again and again. */
const glance = (statement: string) => asSuperuser(place, (client) => client.query(statement))
/** Works as a superuser of its own name, so that its connections can be told from those of other tests. */
async function asRole<T>(work: (settings: PostgresSettings, role: string) => Promise<T>): Promise<T> {
  const role = `${settingsOf(place).schema}_role`
  await glance(`create role ${role} superuser login password 'p'`)
  try {
    return await work(settingsOf(place, { user: role, password: new Secret('p') }), role)
  } finally {
    await glance(`drop role ${role}`)
  }
}
/** Waits for somebody's row of this table of ours. */
const isWaiting = (table: string) =>
  `wait_event_type = 'Lock' and pid in (select pid from pg_locks where relation = '${settingsOf(place).schema}.${table}'::regclass)`
const ids = async (store: Store) => (await store.audit.latest(DEFAULT_TENANT, 100)).map((kept) => kept.id)
const grantOf = (id: string): EngineOperation => ({ kind: 'upsert', document: { ...document(), model: 'Doc', id } })
const need = (id: string): EngineOperation => ({ kind: 'requireDocument', model: 'Doc', id, at: NOW })

describe('opening', () => {
  it('of eight at once on an empty database, one makes the tables and all are served', async () => {
    const stores = await Promise.all(Array.from({ length: 8 }, () => open({ connectionsMax: 2 })))
    await Promise.all(stores.map((store, i) => store.audit.append([smallEntry(`e${i}`)])))
    expect(await ids(stores[0] ?? (await open()))).toHaveLength(8)
  })

  it('refuses tables of a newer version by name, and leaves them as they are', async () => {
    await open()
    await elsewhere((client) => client.query("insert into schema_migrations values ('9999-from-the-future')"))
    await expect(open()).rejects.toThrow(StoreTooNew)
    await expect(open()).rejects.toThrow('9999-from-the-future')
  })

  it('a role that may use the tables and nothing else is enough once they are made', async () => {
    const { schema, user } = settingsOf(place)
    const role = `${schema}_role`
    await asSuperuser(place, async (client) => {
      await client.query(`create role ${role} login password 'role password'`)
    })
    try {
      const settings = settingsOf(place, { user: role, password: new Secret('role password') })
      const refused = await failureOf(openPostgresStore({ settings }))
      expect(refused.message).toContain('sallyport db migrate')
      await open()
      await asSuperuser(place, async (client) => {
        await client.query(`grant usage on schema ${schema} to ${role}`)
        await client.query(`grant select, insert, update, delete on all tables in schema ${schema} to ${role}`)
      })
      const store = await openPostgresStore({ settings })
      opened.push(store)
      await store.audit.append([smallEntry('a')])
      expect(await ids(store)).toEqual(['a'])
    } finally {
      await Promise.all(opened.splice(0).map((store) => store.close()))
      await asSuperuser(place, async (client) => {
        await client.query(`drop owned by ${role}`)
        await client.query(`drop role ${role}`)
      })
    }
    expect(user).not.toBe(role)
  })

  it('says what is wrong, without the password, whatever is looked at', async () => {
    const password = new Secret('very wrong')
    const nobody = await freePort()
    for (const [changes, kind, message] of [
      [{ password }, StoreFailure, 'refuses the password'],
      [{ password: null }, StoreFailure, 'asks for a password'],
      [{ database: 'nowhere' }, StoreFailure, 'no such database'],
      [{ port: nobody }, StoreUnavailable, 'cannot be reached'],
      [{ tls: { authority: null, certificate: null, privateKey: null } }, StoreFailure, 'offers no TLS'],
    ] as const) {
      const settings = settingsOf(place, changes)
      const failure = await failureOf(openPostgresStore({ settings }))
      expect(failure).toBeInstanceOf(kind)
      expect(failure.message).toContain(message)
      const shown = inspect(failure, { depth: 20, showHidden: true })
      expect(shown).not.toContain('very wrong')
      expect(shown).not.toContain(settingsOf(place).password?.reveal() ?? '')
    }
  })

  it('gives up on a server that takes the connection and says nothing', async () => {
    const silent = createServer(() => undefined)
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const address = silent.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const settings = settingsOf(place, { port: address.port, connectTimeoutSeconds: 1 })
    const failure = await failureOf(openPostgresStore({ settings }))
    silent.close()
    expect(failure).toBeInstanceOf(StoreUnavailable)
    expect(failure.message).toBe('the database server does not answer in time')
  })
})

describe('connections', () => {
  it('are alike whatever the role is set to: commits are waited for, names are looked up in our schema alone', async () => {
    const { user, schema, database } = settingsOf(place)
    const store = await open()
    const [role] = [`${schema}_forgetful`]
    await asSuperuser(place, async (client) => {
      await client.query(`create role ${role} superuser login password 'p'`)
      for (const setting of [
        "synchronous_commit to 'off'",
        "search_path to 'public'",
        "default_transaction_isolation to 'serializable'",
        'default_transaction_read_only to on',
        "bytea_output to 'escape'",
      ])
        await client.query(`alter role ${role} set ${setting}`)
    })
    const warnings: string[] = []
    const settings = settingsOf(place, { user: role, password: new Secret('p') })
    const forgetful = await openPostgresStore({ settings, warn: (message) => void warnings.push(message) })
    try {
      await forgetful.audit.append([{ ...smallEntry('a'), personal: new Uint8Array([0, 92, 255]) }])
      expect((await store.audit.latest(DEFAULT_TENANT, 1))[0]?.personal).toEqual(new Uint8Array([0, 92, 255]))
      expect((await forgetful.audit.latest(DEFAULT_TENANT, 1))[0]?.personal).toEqual(new Uint8Array([0, 92, 255]))
      expect(warnings).toEqual([expect.stringContaining('synchronous_commit off')])
      const { rows } = await asSuperuser(place, (client) =>
        client.query('select distinct application_name from pg_stat_activity where usename = $1', [role]),
      )
      expect(rows).toEqual([{ application_name: 'sallyport' }])
    } finally {
      await forgetful.close()
      await asSuperuser(place, (client) => client.query(`drop role ${role}`))
    }
    expect([user, database]).not.toContain(role)
  })

  it('are never more than were asked for, however much is wanted at once', async () => {
    await open()
    await asRole(async (settings, role) => {
      const store = await openPostgresStore({ settings: { ...settings, connectionsMax: 3 } })
      const count = async () => {
        const { rows } = await glance(`select count(*)::int as count from pg_stat_activity where usename = '${role}'`)
        return Number(rows[0]?.count)
      }
      const calls = Promise.all(
        Array.from({ length: 300 }, (_, i) => store.grants.revokeToken(DEFAULT_TENANT, `jti ${i}`, NOW, NOW, [])),
      )
      const counts = await Promise.all(Array.from({ length: 5 }, count))
      await calls
      expect(Math.max(...counts)).toBeGreaterThan(0)
      expect(Math.max(...counts)).toBeLessThanOrEqual(3)
      await store.close()
    })
  })

  it('a password that changed is used for the next connection', async () => {
    const { schema } = settingsOf(place)
    const role = `${schema}_rotated`
    await asSuperuser(place, (client) => client.query(`create role ${role} superuser login password 'old'`))
    await open()
    let password = new Secret('old')
    const settings = settingsOf(place, { user: role, password: null })
    const store = await openPostgresStore({ settings, password: () => password })
    try {
      await store.audit.append([smallEntry('a')])
      await asSuperuser(place, async (client) => {
        await client.query(`alter role ${role} password 'new'`)
        await client.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [role])
      })
      await eventually(() => failureOf(store.audit.append([smallEntry(`no-${Math.random()}`)])))
      password = new Secret('new')
      await eventually(() => store.audit.append([smallEntry('b')]))
    } finally {
      await store.close()
      await asSuperuser(place, (client) => client.query(`drop role ${role}`))
    }
  })

  it('closing finishes and answers what was called before, and refuses what comes after', async () => {
    const store = await open({ connectionsMax: 2 })
    const calls = Array.from({ length: 100 }, (_, i) => store.audit.append([smallEntry(`e${i}`)]))
    const closed = store.close()
    expect((await failureOf(store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 1 }))).message).toBe(
      'the store is closed',
    )
    await Promise.all(calls)
    await closed
    await store.close()
    expect((await failureOf(store.feed.head())).message).toBe('the store is closed')
    expect(await ids(await open())).toHaveLength(100)
  })
})

describe('transactions', () => {
  it('that wait for each other in a circle all get done: the loser is begun again', async () => {
    await open()
    await asRole(async (settings, role) => {
      // So that the server looks soon, whatever it is set to.
      await glance(`alter role ${role} set deadlock_timeout to '100ms'`)
      const store = await openPostgresStore({ settings })
      await store.engine.commit(DEFAULT_TENANT, [grantOf('a'), grantOf('b')], [])
      for (let round = 0; round < 5; round += 1) {
        const outcomes = await Promise.all(
          Array.from({ length: 8 }, (_, i) =>
            store.engine.commit(DEFAULT_TENANT, i % 2 === 0 ? [need('a'), need('b')] : [need('b'), need('a')], [
              smallEntry(`${round}-${i}`),
            ]),
          ),
        )
        expect(outcomes.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 8 }, () => 'committed'))
      }
      expect(await ids(store)).toHaveLength(40)
      await store.close()
    })
    // Else the test has shown nothing. The server counts a moment later.
    await eventually(async () => {
      const { rows } = await glance(
        'select deadlocks::int as deadlocks from pg_stat_database where datname = current_database()',
      )
      expect(Number(rows[0]?.deadlocks)).toBeGreaterThan(0)
    })
  })

  it('that find a row held for too long are refused, and leave nothing', async () => {
    const store = await open({ statementTimeoutSeconds: 1 })
    await store.engine.commit(DEFAULT_TENANT, [grantOf('a')], [])
    const failure = await elsewhere(async (client) => {
      await client.query('begin')
      await client.query("update engine_documents set payload = 'held' where id = 'a'")
      const refused = await failureOf(
        store.engine.commit(DEFAULT_TENANT, [grantOf('b'), need('a')], [smallEntry('record')]),
      )
      await client.query('rollback')
      return refused
    })
    expect(failure).toBeInstanceOf(StoreUnavailable)
    expect(failure.message).toBe('the store could not complete engine.commit')
    expect(await store.engine.find(DEFAULT_TENANT, 'Doc', 'b', NOW)).toBeNull()
    expect(await ids(store)).toEqual([])
    expect((await store.engine.commit(DEFAULT_TENANT, [need('a')], [])).outcome).toBe('committed')
  })

  it('whose connection is lost are refused, leave nothing, and the next call gets another connection', async () => {
    const store = await open({ connectionsMax: 2 })
    await store.engine.commit(DEFAULT_TENANT, [grantOf('a')], [])
    await elsewhere(async (client) => {
      await client.query('begin')
      await client.query("update engine_documents set payload = 'held' where id = 'a'")
      const refused = failureOf(store.engine.commit(DEFAULT_TENANT, [grantOf('b'), need('a')], [smallEntry('record')]))
      await eventually(async () => {
        const { rowCount } = await glance(
          `select pg_terminate_backend(pid) from pg_stat_activity where ${isWaiting('engine_documents')}`,
        )
        expect(rowCount).toBe(1)
      })
      expect(await refused).toBeInstanceOf(StoreUnavailable)
      await client.query('rollback')
    })
    expect(await store.engine.find(DEFAULT_TENANT, 'Doc', 'b', NOW)).toBeNull()
    expect(await ids(store)).toEqual([])
    expect((await store.engine.commit(DEFAULT_TENANT, [need('a')], [])).outcome).toBe('committed')
  })

  it('go on when somebody changes the tables under the statements that were prepared', async () => {
    const store = await open({ connectionsMax: 2 })
    const find = () => store.engine.find(DEFAULT_TENANT, 'Doc', 'a', NOW)
    await store.engine.commit(DEFAULT_TENANT, [grantOf('a')], [])
    await Promise.all([find(), find(), find()])
    await elsewhere((client) => client.query('alter table engine_documents add column later text'))
    expect((await Promise.all([find(), find(), find()])).map((found) => found?.id)).toEqual(['a', 'a', 'a'])
  })

  it('a bucket that was drawn from while idle ones were being collected stays', async () => {
    const store = await open()
    const bucket = { key: 'k', burst: 1, periodSeconds: 60 }
    await store.limits.draw(DEFAULT_TENANT, [bucket], NOW * 1000)
    await elsewhere(async (client) => {
      await client.query('begin')
      await client.query('update limits set full_at_us = $1', [(NOW + 1000) * 1_000_000])
      const collected = store.limits.collectIdle((NOW + 61) * 1000, 10)
      await eventually(async () => {
        const { rowCount } = await glance(`select 1 from pg_stat_activity where ${isWaiting('limits')}`)
        expect(rowCount).toBe(1)
      })
      await client.query('commit')
      expect(await collected).toBe(0)
    })
    expect((await store.limits.draw(DEFAULT_TENANT, [bucket], (NOW + 61) * 1000)).kind).toBe('exceeded')
  })

  it('a text with U+0000 is looked for and not found, and counts as a bucket', async () => {
    const store = await open()
    expect(await store.engine.find(DEFAULT_TENANT, 'Doc', 'a\0b', NOW)).toBeNull()
    expect(await store.accounts.findByUsername(DEFAULT_TENANT, '\0')).toBeNull()
    const draw = () => store.limits.draw(DEFAULT_TENANT, [{ key: 'a\0', burst: 1, periodSeconds: 60 }], NOW * 1000)
    expect((await draw()).kind).toBe('allowed')
    expect((await draw()).kind).toBe('exceeded')
  })
})

describe('the feed', () => {
  it('is told to every store on the schema, by its commit', async () => {
    const [one, two] = [await open(), await open()]
    await two.feed.head()
    const heard: StoreHint[] = []
    two.hints.subscribe((hint) => void heard.push(hint))
    await one.grants.revokeToken(DEFAULT_TENANT, 'jti', NOW + 60, NOW, [])
    await eventually(() => expect(heard).toContain('feed'))
    one.hints.send('settle')
    await eventually(() => expect(heard).toContain('settle'))
    expect(await two.feed.head()).toBe(1)
  })

  it('of one schema is not told to another', async () => {
    const foreign = await newPlace()
    const other = await openPlace(foreign)
    try {
      await other.feed.head()
      const heard: StoreHint[] = []
      other.hints.subscribe((hint) => void heard.push(hint))
      const store = await open()
      await store.grants.revokeToken(DEFAULT_TENANT, 'jti', NOW + 60, NOW, [])
      await other.grants.revokeToken(DEFAULT_TENANT, 'jti', NOW + 60, NOW, [])
      await eventually(() => expect(heard).toEqual(['feed']))
    } finally {
      await other.close()
      await removePlace(foreign)
    }
  })

  it('has to be read anew after its connection was lost: the hint comes before the first answer', async () => {
    await open()
    await asRole(async (settings, role) => {
      const store = await openPostgresStore({ settings })
      const happened: string[] = []
      store.hints.subscribe((hint) => void happened.push(hint))
      await store.grants.revokeToken(DEFAULT_TENANT, 'jti', NOW + 60, NOW, [])
      expect(await store.feed.since(0, 10)).toHaveLength(1)
      expect(happened).not.toContain('replay')
      await glance(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${role}'`)
      await eventually(async () => {
        await store.feed.since(1, 10)
        happened.push('answer')
        expect(happened).toContain('replay')
      })
      expect(happened.indexOf('replay')).toBe(happened.lastIndexOf('answer') - 1)
      await store.close()
    })
  })
})

it('the driver takes nothing from the environment', () => {
  const before = { ...process.env }
  Object.assign(process.env, {
    PGHOST: 'elsewhere',
    PGUSER: 'somebody',
    PGPASSWORD: 'p',
    PGDATABASE: 'd',
    PGPORT: '1',
    PGSSLMODE: 'no-verify',
    PGOPTIONS: '-c fsync=off',
  })
  try {
    const settings = settingsOf(place, { password: null })
    const client = new Client(clientConfig(settings, () => settings.password))
    const { host, port, user, database, ssl } = client as Client & { ssl: unknown }
    expect({ host, port, user, database, ssl }).toEqual({
      host: settings.host,
      port: settings.port,
      user: settings.user,
      database: settings.database,
      ssl: false,
    })
    const parameters = (client as unknown as { connectionParameters: Record<string, unknown> }).connectionParameters
    expect(parameters['options']).toBe(' ')
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
  }
})
