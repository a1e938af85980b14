import { afterEach, describe, expect, test } from 'vitest'
import { asClientId, asRequestId, DEFAULT_TENANT } from '#core/ids.ts'
import { ok } from '#core/result.ts'
import { openTestRegistry, type TestRegistry, type TestRegistryOptions } from '../support/client-registry.ts'

/**
 * The attacker registers without end, to fill the disk or to crowd out others. Expected: refusals that name when to come back, a
 * number of rows that stops growing, refusals that share records, and other addresses not punished.
 */
const opened: TestRegistry[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((item) => item.close()))
})

async function open(options: TestRegistryOptions): Promise<TestRegistry> {
  const registry = await openTestRegistry(options)
  opened.push(registry)
  return registry
}

const BODY = { redirect_uris: ['http://127.0.0.1/cb'], token_endpoint_auth_method: 'none', client_name: 'Flood' }
const from = (address: string) => ({ address, requestId: asRequestId('r') })

async function rows(registry: TestRegistry): Promise<number> {
  return (await registry.store.clients.list(DEFAULT_TENANT, {}, { cursor: null, limit: 200 })).items.length
}

describe('registrations from one address', () => {
  test('beyond the hour’s allowance get 429 with Retry-After, also when sent at once; refused bodies count too', async () => {
    const t = await open({ policy: { perAddressPerHour: 5 } })
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_unused, i) =>
        t.registry.register(i % 2 === 0 ? BODY : 'nonsense', from('198.51.100.1')),
      ),
    )
    const statuses = answers.map((answer) => answer.status)
    expect(statuses.filter((status) => status !== 429)).toHaveLength(5)
    const limited = answers.find((answer) => answer.status === 429)
    expect(Number(limited?.headers?.['retry-after'])).toBeGreaterThan(0)
    expect(await rows(t)).toBe(statuses.filter((status) => status === 201).length)
    // Fifteen refusals of one kind share one record at once; the count follows when the window closes.
    const refusals = (await t.records()).filter((record) => JSON.stringify(record).includes('registrationRate'))
    expect(refusals).toHaveLength(1)
  })

  test('do not use up the allowance of another address; time gives it back', async () => {
    const t = await open({ policy: { perAddressPerHour: 2 } })
    const statuses: number[] = []
    for (const address of ['198.51.100.1', '198.51.100.1', '198.51.100.1', '198.51.100.2'])
      statuses.push((await t.registry.register(BODY, from(address))).status)
    expect(statuses).toEqual([201, 201, 429, 201])
    t.clock.advance(3600)
    expect((await t.registry.register(BODY, from('198.51.100.1'))).status).toBe(201)
  })

  test('one IPv6 /64 is one address', async () => {
    const t = await open({ policy: { perAddressPerHour: 2 } })
    const statuses: number[] = []
    for (const address of ['2001:db8:1:2::1', '2001:db8:1:2::2', '2001:db8:1:2:ffff::3', '2001:db8:1:3::1'])
      statuses.push((await t.registry.register(BODY, from(address))).status)
    expect(statuses).toEqual([201, 201, 429, 201])
  })
})

describe('registrations from everywhere', () => {
  test('stop at the storage bound with 503 and Retry-After, also when sent at once', async () => {
    const t = await open({ policy: { clientsMax: 7 } })
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_unused, i) => t.registry.register(BODY, from(`198.51.100.${i}`))),
    )
    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(7)
    const full = answers.filter((answer) => answer.status === 503)
    expect(full).toHaveLength(23)
    expect(full[0]?.body['error']).toBe('temporarily_unavailable')
    expect(Number(full[0]?.headers?.['retry-after'])).toBeGreaterThan(0)
    expect(await rows(t)).toBe(7)
  })

  test('beyond everybody’s hour get 429, also at once; the next hour gives it back', async () => {
    const t = await open({ policy: { perHour: 5 } })
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_unused, i) => t.registry.register(BODY, from(`198.51.100.${i}`))),
    )
    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(5)
    const limited = answers.filter((answer) => answer.status === 429)
    expect(limited).toHaveLength(7)
    expect(Number(limited[0]?.headers?.['retry-after'])).toBeGreaterThan(0)
    expect(JSON.stringify(await t.records())).toContain('registrationRateAll')
    t.clock.advance(3600)
    expect((await t.registry.register(BODY, from('198.51.100.1'))).status).toBe(201)
  })

  test('a removed client makes room again', async () => {
    const t = await open({ policy: { clientsMax: 1 } })
    const first = await t.registry.register(BODY, from('198.51.100.1'))
    expect((await t.registry.register(BODY, from('198.51.100.1'))).status).toBe(503)
    await t.store.clients.remove(DEFAULT_TENANT, asClientId(String(first.body['client_id'])), t.clock.nowSeconds(), [])
    expect((await t.registry.register(BODY, from('198.51.100.1'))).status).toBe(201)
  })

  test('a huge registration is refused before it is stored', async () => {
    const t = await open({})
    const bodies = [
      { ...BODY, redirect_uris: Array.from({ length: 10_000 }, (_unused, i) => `https://a.example/${i}`) },
      { ...BODY, client_name: 'x'.repeat(1_000_000) },
      { ...BODY, scope: 'x'.repeat(1_000_000) },
      { ...BODY, redirect_uris: [`https://a.example/${'x'.repeat(1_000_000)}`] },
      { ...BODY, contacts: Array.from({ length: 10_000 }, () => 'a@a.example') },
    ]
    for (const body of bodies) expect((await t.registry.register(body, from('198.51.100.1'))).status).toBe(400)
    expect(await rows(t)).toBe(0)
  })
})

describe('metadata documents', () => {
  const document = (url: string) => ({ client_id: url, client_name: 'Flood', redirect_uris: ['http://127.0.0.1/cb'] })
  const fetched: string[] = []
  const fetch: NonNullable<TestRegistryOptions['fetch']> = (url) => {
    fetched.push(url)
    const body = new TextEncoder().encode(JSON.stringify(document(url)))
    return Promise.resolve(ok({ status: 200, headers: { 'content-type': 'application/json' }, body }))
  }

  test('of one host are looked up a bounded number of times, and fill no more rows than there may be clients', async () => {
    fetched.length = 0
    const t = await open({ fetch, policy: { clientsMax: 12 } })
    for (let i = 0; i < 40; i += 1) await t.registry.resolve(asClientId(`https://one.example/${i}`), null)
    expect(fetched).toHaveLength(20)
    expect(await rows(t)).toBe(12)
    // Another host still gets its turn at being looked up, and is told that there is no room.
    const other = await t.registry.resolve(asClientId('https://two.example/c'), null)
    expect(other.kind).toBe('documentInvalid')
    expect(fetched).toHaveLength(21)
  })

  test('of many hosts are looked up a bounded number of times', async () => {
    fetched.length = 0
    const t = await open({ fetch, policy: { clientsMax: 1_000 } })
    for (let i = 0; i < 220; i += 1) await t.registry.resolve(asClientId(`https://h${i}.example/c`), null)
    expect(fetched).toHaveLength(200)
  })

  test('asked for by one address use up a part of what may be looked up, and no more', async () => {
    fetched.length = 0
    const t = await open({ fetch, policy: { clientsMax: 1_000 } })
    for (let i = 0; i < 220; i += 1)
      await t.registry.resolve(asClientId(`https://h${i}.example/c`), null, `2001:db8::${i.toString(16)}`)
    expect(fetched).toHaveLength(40)
    await t.registry.resolve(asClientId('https://honest.example/c'), null, '203.0.113.9')
    expect(fetched).toHaveLength(41)
  })

  test('that never arrive do not keep out a client whose document is known', async () => {
    let isHanging = false
    const known = asClientId('https://known.example/c')
    const hanging: (() => void)[] = []
    const slow: NonNullable<TestRegistryOptions['fetch']> = async (url, options) => {
      if (isHanging) await new Promise<void>((resolve) => hanging.push(resolve))
      return fetch(url, options)
    }
    const t = await open({ fetch: slow, policy: { clientsMax: 1_000 } })
    await t.registry.resolve(known, null)
    await t.store.clients.approve(DEFAULT_TENANT, known, 'operator', t.clock.nowSeconds(), [])
    expect((await t.registry.resolve(known, null)).kind).toBe('active')
    t.clock.advance(3_601)
    isHanging = true
    const lookups = Array.from({ length: 8 }, (_unused, i) =>
      t.registry.resolve(asClientId(`https://slow${i}.example/c`), null),
    )
    while (hanging.length < 8) await new Promise((resolve) => setImmediate(resolve))
    expect((await t.registry.resolve(known, null)).kind).toBe('active')
    for (const release of hanging) release()
    await Promise.all(lookups)
  })

  test('an unknown client becomes one row, however often and at once it is asked for', async () => {
    fetched.length = 0
    const t = await open({ fetch })
    const id = asClientId('https://one.example/client')
    const all = await Promise.all(Array.from({ length: 10 }, () => t.registry.resolve(id, null)))
    expect(all).toEqual(Array.from({ length: 10 }, () => ({ kind: 'pending', name: 'Flood' })))
    expect(fetched).toHaveLength(1)
    expect(await rows(t)).toBe(1)
    const registered = (await t.records()).filter((record) => JSON.stringify(record).includes('client.register'))
    expect(registered).toHaveLength(1)
  })
})
