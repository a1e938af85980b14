import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { asSuperuser, settingsOf } from '../../../test/support/postgres/connect.ts'
import { newPlace } from '../../../test/support/postgres/place.ts'
import { startTestServer, type TestServer } from '../../../test/support/postgres/server.ts'
import { selfSignedCertificate } from '../../../test/support/self-signed.ts'
import { failureOf, smallEntry } from '../../../test/support/store.ts'
import { StoreFailure, StoreUnsafe } from '../errors.ts'
import type { PostgresTls } from '../ports/settings.ts'
import { openPostgresStore } from './open.ts'

describe('a server with TLS', () => {
  const { cert, key } = selfSignedCertificate(['127.0.0.1'])
  const stranger = selfSignedCertificate(['127.0.0.1'])
  const misnamed = selfSignedCertificate(['db.example.com'])
  const trusting = (authority: string | null): PostgresTls => ({ authority, certificate: null, privateKey: null })
  let server: TestServer
  let wrongName: TestServer

  const startWith = (pair: { cert: string; key: string }) =>
    startTestServer({
      settings: { ssl: 'on', ssl_cert_file: '../server.crt', ssl_key_file: '../server.key' },
      files: { 'server.crt': pair.cert, 'server.key': pair.key },
    })
  beforeAll(async () => {
    ;[server, wrongName] = await Promise.all([startWith({ cert, key }), startWith(misnamed)])
  })
  afterAll(async () => {
    await Promise.all([server.remove(), wrongName.remove()])
  })

  it('is used once its certificate is believed, and every connection is encrypted', async () => {
    const place = await newPlace(server.url)
    const store = await openPostgresStore({ settings: settingsOf(place, { tls: trusting(cert) }) })
    await store.audit.append([smallEntry('a')])
    await store.feed.head()
    expect(await store.audit.latest(DEFAULT_TENANT, 9)).toHaveLength(1)
    const { rows } = await asSuperuser(place, (client) =>
      client.query<{ ssl: boolean; count: number }>(
        "select ssl, count(*)::int as count from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'sallyport' and pid <> pg_backend_pid() group by ssl",
      ),
    )
    expect(rows).toEqual([{ ssl: true, count: expect.any(Number) }])
    await store.close()
  })

  it.each([
    ['by nobody we know', () => server, null],
    ['by somebody else', () => server, stranger.cert],
    ['for another name', () => wrongName, misnamed.cert],
  ])('is refused when its certificate is %s', async (_, which, authority) => {
    const place = await newPlace(which().url)
    const failure = await failureOf(openPostgresStore({ settings: settingsOf(place, { tls: trusting(authority) }) }))
    expect(failure).toBeInstanceOf(StoreFailure)
    expect(failure.message).toMatch(/^the certificate of the database server is not believed \([A-Z_]+\)$/)
  })
})

describe('a server that would forget', () => {
  it('is refused', async () => {
    const server = await startTestServer({ settings: { fsync: 'off' } })
    try {
      const failure = await failureOf(openPostgresStore({ settings: settingsOf(await newPlace(server.url)) }))
      expect(failure).toBeInstanceOf(StoreUnsafe)
      expect(failure.message).toBe('the database server runs with fsync off and would forget commits')
    } finally {
      await server.remove()
    }
  })
})
