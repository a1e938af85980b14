import { setTimeout } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { asClientId, DEFAULT_TENANT } from '#core/ids.ts'
import { ok, refused } from '#core/result.ts'
import {
  LOOPBACK_SNAPSHOT,
  openTestRegistry,
  type TestRegistry,
  type TestRegistryOptions,
} from '../support/client-registry.ts'

const opened: TestRegistry[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((item) => item.close()))
})

const ID = asClientId('https://client.example/client.json')

/** A host on the network that serves what it is told, and counts. */
function host(): {
  fetch: NonNullable<TestRegistryOptions['fetch']>
  document: Record<string, unknown>
  headers: Record<string, string>
  failure: 'timedOut' | 'tlsFailed' | null
  status: number
  asked: { url: string; network: string; bytesMax: number }[]
} {
  const state: ReturnType<typeof host> = {
    document: { client_id: ID, client_name: 'Notes', redirect_uris: ['http://127.0.0.1/callback'] },
    headers: { 'content-type': 'application/json' },
    failure: null,
    status: 200,
    asked: [],
    fetch: async (url, { network, bytesMax }) => {
      state.asked.push({ url, network, bytesMax })
      // Long enough for others to ask meanwhile.
      await setTimeout(50)
      if (state.failure !== null) return refused({ reason: state.failure })
      const body = new TextEncoder().encode(JSON.stringify(state.document))
      return ok({ status: state.status, headers: state.headers, body })
    },
  }
  return state
}

async function open(options: TestRegistryOptions): Promise<TestRegistry> {
  const registry = await openTestRegistry(options)
  opened.push(registry)
  return registry
}

async function openApproved(from: ReturnType<typeof host>): Promise<TestRegistry> {
  const t = await open({ fetch: from.fetch })
  await t.registry.resolve(ID, null)
  await t.store.clients.approve(DEFAULT_TENANT, ID, 'operator', t.clock.nowSeconds(), [])
  return t
}

describe('a client that is a metadata document', () => {
  test('waits for approval once, then resolves to what its document says', async () => {
    const notes = host()
    const t = await open({ fetch: notes.fetch })
    expect(await t.registry.resolve(ID, null)).toEqual({ kind: 'pending', name: 'Notes' })
    expect(await t.registry.resolve(ID, null)).toEqual({ kind: 'pending', name: 'Notes' })
    expect(notes.asked).toEqual([{ url: ID, network: 'public', bytesMax: 5120 }])
    await t.store.clients.approve(DEFAULT_TENANT, ID, 'operator', t.clock.nowSeconds(), [])
    expect(await t.registry.resolve(ID, null)).toMatchObject({
      kind: 'active',
      client: {
        clientId: ID,
        secret: null,
        issuedAt: 1_790_000_000,
        metadata: { application_type: 'native', redirect_uris: ['http://127.0.0.1/callback'] },
        description: {
          name: 'Notes',
          clientIdHost: 'client.example',
          clientUri: null,
          kind: 'metadataDocument',
          isLocalhostOnly: true,
          lookalikes: [],
          registeredAt: 1_790_000_000,
        },
      },
    })
  })

  test('is active at once while registration is open on loopback, and may then live on loopback http', async () => {
    const notes = host()
    const id = asClientId('http://localhost:4000/client.json')
    notes.document = { ...notes.document, client_id: id }
    const t = await open({ fetch: notes.fetch, policy: { mode: 'open' }, snapshot: LOOPBACK_SNAPSHOT })
    expect((await t.registry.resolve(id, null)).kind).toBe('active')
    expect(notes.asked[0]?.network).toBe('loopback')
  })

  test('once removed stays removed: its document is not asked again', async () => {
    const notes = host()
    const t = await openApproved(notes)
    await t.store.clients.remove(DEFAULT_TENANT, ID, t.clock.nowSeconds(), [])
    const before = notes.asked.length
    expect(await t.registry.resolve(ID, null)).toEqual({ kind: 'removed', cause: 'operator' })
    expect(notes.asked).toHaveLength(before)
  })

  test('that nobody used is forgotten, and may come back as a stranger; a registered one stays known as forgotten', async () => {
    const notes = host()
    const t = await openApproved(notes)
    const { registry, store, clock, caller } = t
    const registered = await registry.register({ redirect_uris: ['https://client.example/cb'] }, caller)
    const other = asClientId(String(registered.body['client_id']))
    await store.clients.approve(DEFAULT_TENANT, other, 'operator', clock.nowSeconds(), [])
    clock.advance(100)
    for (const clientId of [ID, other])
      expect(
        await store.clients.removeUnused(DEFAULT_TENANT, clientId, clock.nowSeconds(), clock.nowSeconds(), []),
      ).toBe('removed')
    expect(await registry.resolve(ID, null)).toEqual({ kind: 'pending', name: 'Notes' })
    expect(await registry.resolve(other, null)).toEqual({ kind: 'removed', cause: 'unused' })
  })

  test('already known, it still resolves after registration was closed; unknown, it does not', async () => {
    const notes = host()
    const t = await openApproved(notes)
    t.set({ mode: 'closed' })
    expect((await t.registry.resolve(ID, null)).kind).toBe('active')
    expect((await t.registry.resolve(asClientId('https://client.example/other.json'), null)).kind).toBe(
      'documentInvalid',
    )
    t.set({ mode: 'approval', metadataDocuments: false })
    expect((await t.registry.resolve(ID, null)).kind).toBe('documentInvalid')
  })
})

describe('the shared cache', () => {
  test('asks once within the time that the document’s headers give, and anew after it', async () => {
    const notes = host()
    notes.headers['cache-control'] = 'max-age=600'
    const t = await openApproved(notes)
    for (let i = 0; i < 3; i += 1) await t.registry.resolve(ID, null)
    expect(notes.asked).toHaveLength(1)
    t.clock.advance(601)
    notes.document['redirect_uris'] = ['http://127.0.0.1/new']
    const resolved = await t.registry.resolve(ID, null)
    expect(resolved.kind === 'active' && resolved.client.metadata.redirect_uris).toEqual(['http://127.0.0.1/new'])
    expect(notes.asked).toHaveLength(2)
  })

  test('shares one fetch between callers at the same moment', async () => {
    const notes = host()
    const t = await openApproved(notes)
    t.clock.advance(3601)
    await Promise.all(Array.from({ length: 20 }, () => t.registry.resolve(ID, null)))
    expect(notes.asked).toHaveLength(2)
  })

  test('keeps no failure: the next caller asks again', async () => {
    const notes = host()
    notes.failure = 'timedOut'
    const t = await open({ fetch: notes.fetch })
    expect((await t.registry.resolve(ID, null)).kind).toBe('documentInvalid')
    notes.failure = null
    expect((await t.registry.resolve(ID, null)).kind).toBe('pending')
  })

  test('an outage of the document’s server does not end the client at once, but after an hour', async () => {
    const notes = host()
    notes.headers['cache-control'] = 'max-age=60'
    const t = await openApproved(notes)
    notes.failure = 'timedOut'
    t.clock.advance(61)
    expect((await t.registry.resolve(ID, null)).kind).toBe('active')
    const asked = notes.asked.length
    expect((await t.registry.resolve(ID, null)).kind).toBe('active')
    expect(notes.asked).toHaveLength(asked)
    t.clock.advance(3600)
    expect((await t.registry.resolve(ID, null)).kind).toBe('documentInvalid')
  })

  test.each(['gone', 'invalid', 'a wrong certificate'])(
    'a document that is %s ends the client at its next look',
    async (what) => {
      const notes = host()
      const t = await openApproved(notes)
      t.clock.advance(3601)
      if (what === 'gone') notes.status = 404
      if (what === 'invalid') notes.document = { ...notes.document, client_id: 'https://other.example/c' }
      if (what === 'a wrong certificate') notes.failure = 'tlsFailed'
      expect((await t.registry.resolve(ID, null)).kind).toBe('documentInvalid')
    },
  )
})

describe('what people are told about a client', () => {
  test('a name like that of a client approved before is named, the earlier one is not blamed', async () => {
    const t = await open({ policy: { mode: 'open' }, snapshot: LOOPBACK_SNAPSHOT })
    const register = async (name: string, redirect: string): Promise<string> => {
      const { body } = await t.registry.register({ client_name: name, redirect_uris: [redirect] }, t.caller)
      t.clock.advance(61)
      return String(body['client_id'])
    }
    const first = await register('Payroll', 'https://payroll.example/cb')
    const second = await register('P\u0430yroll', 'https://other.example/cb')
    const lookalikes = async (id: string): Promise<unknown> => {
      const resolved = await t.registry.resolve(asClientId(id), null)
      return resolved.kind === 'active' ? resolved.client.description.lookalikes : resolved.kind
    }
    expect(await lookalikes(second)).toEqual(['Payroll'])
    expect(await lookalikes(first)).toEqual([])
  })

  test('an id nobody knows is unknown, and a row that cannot be read is too', async () => {
    const t = await open({})
    expect(await t.registry.resolve(asClientId('sp_nobody'), null)).toEqual({ kind: 'unknown' })
    expect(await t.registry.resolve(asClientId('x'.repeat(10_000)), null)).toEqual({ kind: 'unknown' })
    const row = {
      tenant: DEFAULT_TENANT,
      kind: 'dynamic',
      status: 'active',
      sealedSecret: null,
      createdAt: 1,
      approvedAt: null,
      approvedBy: null,
    } as const
    for (const [id, metadata] of [
      ['a', 'not json'],
      ['b', '{}'],
      ['c', '{"client_name":1}'],
    ] as const) {
      await t.store.clients.register({ ...row, clientId: asClientId(id), metadata }, 100, [])
      expect(await t.registry.resolve(asClientId(id), null)).toEqual({ kind: 'unknown' })
    }
  })
})
