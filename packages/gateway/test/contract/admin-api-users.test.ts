import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Answer, RawRequest } from '#control-plane/admin-api/operation.ts'
import type { OperationId } from '#control-plane/admin-api/permissions.ts'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { verifyPassword } from '#identity/password-hash.ts'
import { LOCAL, openTestAdminApi, REQUEST, raw, seed, type TestAdminApi, tokenCaller } from '../support/admin-api.ts'

let world: TestAdminApi
let count = 0
let name: string
beforeAll(async () => {
  world = await openTestAdminApi()
})
afterAll(() => world.close())
beforeEach(() => {
  count += 1
  name = `user-${count}`
  world.events.length = 0
})

const call = (id: OperationId, given: Partial<RawRequest> = {}) => world.api.dispatch(id, raw(given), LOCAL, REQUEST)

async function done(id: OperationId, given: Partial<RawRequest> = {}) {
  const answer = await call(id, given)
  if (!answer.ok) throw new Error(`${answer.refusal.code}: ${answer.refusal.message}`)
  // Every operation called here answers JSON.
  return answer.value as Extract<Answer, { kind: 'json' }> & { body: Record<string, unknown> }
}

const stored = (username: string) => world.store.accounts.findByUsername(DEFAULT_TENANT, username)

describe('creating an account', () => {
  it('generates a password, shows it once, stores only its hash, and is recorded without name or password', async () => {
    const { status, body, etag } = await done('users.create', { body: { username: name } })
    expect(status).toBe(201)
    expect(etag).toMatch(/^"[\w-]{22}"$/)
    expect(body).toMatchObject({ username: name, displayName: name, roles: ['user'], status: 'active' })
    const account = await stored(name)
    expect(account?.passwordHash).toMatch(/^\$argon2id\$/)
    expect(await verifyPassword(String(body['password']), account?.passwordHash ?? '')).toBe(true)
    expect((await done('users.show', { params: { user: name } })).body).not.toHaveProperty('password')
    expect(world.events).toHaveLength(1)
    expect(world.events[0]).toMatchObject({
      activity: 'account.create',
      detail: { actor: 'localOperator', target: body['subject'], roles: 'user' },
      personal: { username: name },
    })
    expect(JSON.stringify(world.events[0])).not.toContain(body['password'])
  })

  it('does not repeat a password that was given', async () => {
    const { body } = await done('users.create', { body: { username: name, password: 'correct horse battery' } })
    expect(body).not.toHaveProperty('password')
    expect(await verifyPassword('correct horse battery', (await stored(name))?.passwordHash ?? '')).toBe(true)
  })

  it.each([
    [{ username: 'Upper' }, 'invalidInput'],
    [{ username: 'a'.repeat(65) }, 'invalidInput'],
    [{ username: '' }, 'invalidInput'],
    [{ username: '01a1fccf-3ce8-7bf3-b7c8-433692f2479f' }, 'invalidInput'],
    [{ username: 'x', password: 'short' }, 'invalidInput'],
    [{ username: 'x', password: 'passwordpassword' }, 'invalidInput'],
    [{ username: 'x', roles: ['wizard'] }, 'invalidInput'],
    [{ username: 'x', isAdmin: true }, 'invalidInput'],
    [undefined, 'invalidInput'],
    [[], 'invalidInput'],
  ])('refuses %j', async (body, code) => {
    const before = await world.store.accounts.count(DEFAULT_TENANT)
    expect(await call('users.create', { body })).toMatchObject({ ok: false, refusal: { code } })
    expect(await world.store.accounts.count(DEFAULT_TENANT)).toBe(before)
  })

  it('refuses a name that is taken', async () => {
    await done('users.create', { body: { username: name } })
    expect(await call('users.create', { body: { username: name } })).toMatchObject({
      ok: false,
      refusal: { code: 'usernameTaken' },
    })
  })
})

describe('an Idempotency-Key', () => {
  const key = () => ({ idempotencyKey: `key-${count}` })

  it('gives the same answer for the same request, two at once included, and makes one account', async () => {
    const before = await world.store.accounts.count(DEFAULT_TENANT)
    const body = { username: name }
    const [first, second] = await Promise.all([
      done('users.create', { body, ...key() }),
      done('users.create', { body, ...key() }),
    ])
    const third = await done('users.create', { body, ...key() })
    expect(second).toEqual(first)
    expect(third).toEqual(first)
    expect(await world.store.accounts.count(DEFAULT_TENANT)).toBe(before + 1)
  })

  it('refuses another request under the same key', async () => {
    await done('users.create', { body: { username: name }, ...key() })
    expect(await call('users.create', { body: { username: `${name}-b` }, ...key() })).toMatchObject({
      ok: false,
      refusal: { code: 'idempotencyKeyReused' },
    })
    expect(await stored(`${name}-b`)).toBeNull()
  })

  it('may be used again after a refusal', async () => {
    expect(await call('users.create', { body: { username: name, roles: ['wizard'] }, ...key() })).toMatchObject({
      ok: false,
    })
    await done('users.create', { body: { username: name }, ...key() })
  })

  it('belongs to its caller', async () => {
    const mine = await seed(world.store, `idem-${count}`)
    const { body } = await done('users.create', { body: { username: name }, ...key() })
    const another = await world.api.dispatch(
      'users.create',
      raw({ body: { username: name }, ...key() }),
      tokenCaller('operator', mine.subject),
      REQUEST,
    )
    expect(body['password']).toBeTypeOf('string')
    expect(another).toMatchObject({ ok: false, refusal: { code: 'usernameTaken' } })
  })

  it('must be printable and short', async () => {
    for (const idempotencyKey of ['', 'a b', 'x'.repeat(129)])
      expect(await call('users.create', { body: { username: name }, idempotencyKey })).toMatchObject({
        ok: false,
        refusal: { code: 'invalidInput' },
      })
    expect(await stored(name)).toBeNull()
  })
})

describe('If-Match', () => {
  it('lets a change through only while what was read still holds', async () => {
    const { etag } = await done('users.create', { body: { username: name } })
    const params = { user: name }
    const ifMatch = etag ?? ''
    const changed = await done('users.setRoles', { params, body: { roles: ['auditor'] }, ifMatch })
    expect(changed.etag).not.toBe(etag)
    expect(await call('users.disable', { params, ifMatch })).toMatchObject({
      ok: false,
      refusal: { code: 'preconditionFailed' },
    })
    expect(await stored(name)).toMatchObject({ roles: ['auditor'], status: 'active' })
    await done('users.disable', { params, ifMatch: changed.etag ?? '' })
  })

  it('lets one of two concurrent changes through', async () => {
    const { etag } = await done('users.create', { body: { username: name } })
    const change = (role: string) =>
      call('users.setRoles', { params: { user: name }, body: { roles: [role] }, ifMatch: etag ?? '' })
    const outcomes = await Promise.all([change('auditor'), change('operator')])
    expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(1)
  })
})

describe('changing an account', () => {
  it('a new password ends the grants', async () => {
    const user = await seed(world.store, name)
    const { body } = await done('users.setPassword', { params: { user: name }, body: {} })
    expect(await verifyPassword(String(body['password']), (await stored(name))?.passwordHash ?? '')).toBe(true)
    const grants = await done('grants.list', { query: { subject: user.subject } })
    expect(grants.body['items']).toEqual([])
  })

  it('refuses roles that do not exist, and users that do not', async () => {
    await done('users.create', { body: { username: name } })
    expect(await call('users.setRoles', { params: { user: name }, body: { roles: ['wizard'] } })).toMatchObject({
      refusal: { code: 'invalidInput', message: expect.stringContaining('operator, approver') },
    })
    for (const id of ['users.show', 'users.disable', 'users.enable'] as const)
      expect(await call(id, { params: { user: 'stranger' } })).toMatchObject({ refusal: { code: 'notFound' } })
  })

  it('disables and enables', async () => {
    await done('users.create', { body: { username: name } })
    expect((await done('users.disable', { params: { user: name } })).body).toMatchObject({ status: 'disabled' })
    expect((await done('users.enable', { params: { user: name } })).body).toMatchObject({ status: 'active' })
    expect(world.events.map((event) => event.detail?.['change'])).toEqual([undefined, 'disable', 'enable'])
  })
})

describe('lists', () => {
  it('page by opaque cursors and refuse made-up ones', async () => {
    for (const suffix of ['a', 'b', 'c']) await done('users.create', { body: { username: `${name}-${suffix}` } })
    const seen: unknown[] = []
    let cursor: string | null = null
    do {
      const query: Record<string, string> = { limit: '2', ...(cursor === null ? {} : { cursor }) }
      const { body } = await done('users.list', { query })
      expect((body['items'] as unknown[]).length).toBeLessThanOrEqual(2)
      seen.push(...(body['items'] as { username: string }[]).map((user) => user.username))
      cursor = body['nextCursor'] as string | null
    } while (cursor !== null)
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen).toEqual(expect.arrayContaining([`${name}-a`, `${name}-b`, `${name}-c`]))
    expect(await call('users.list', { query: { cursor: 'made-up' } })).toMatchObject({
      ok: false,
      refusal: { code: 'invalidCursor' },
    })
  })

  it.each([['0'], ['201'], ['x'], ['-1'], ['1.5']])('refuse limit=%s', async (limit) => {
    expect(await call('users.list', { query: { limit } })).toMatchObject({
      ok: false,
      refusal: { code: 'invalidInput' },
    })
  })

  it('refuse query fields that they do not know', async () => {
    expect(await call('users.list', { query: { offset: '1' } })).toMatchObject({ refusal: { code: 'invalidInput' } })
  })
})
