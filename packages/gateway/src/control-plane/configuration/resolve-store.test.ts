import { chmodSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { beforeEach, describe, expect, it } from 'vitest'
import type { StoreSettings } from '#store/ports/settings.ts'
import { selfSignedCertificate } from '../../../test/support/self-signed.ts'
import { loadConfiguration } from './load.ts'
import { printProblem } from './problem.ts'

const PASSWORD = 'hunter2-hunter2'

let folder: string
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-config-')))
})

function write(name: string, content: string, mode = 0o600): void {
  writeFileSync(join(folder, name), content)
  chmodSync(join(folder, name), mode)
}

async function load(store: string, env: Record<string, string> = {}, storePlace?: string) {
  write('sallyport.yaml', `version: 1\nservers: { a: { stdio: { command: node } } }\nstore: ${store}\n`)
  const fixed = { publicUrl: 'http://127.0.0.1:8700', listenHost: '127.0.0.1', listenPort: 8700, hasTls: false }
  return loadConfiguration({
    file: join(folder, 'sallyport.yaml'),
    env,
    stateDir: folder,
    ...(storePlace === undefined ? {} : { fixed: { ...fixed, storePlace } }),
  })
}

async function settingsOf(store: string, env: Record<string, string> = {}): Promise<StoreSettings> {
  const loaded = await load(store, env)
  if (!loaded.ok) throw new Error(loaded.refusal.map(printProblem).join('\n'))
  return loaded.value.store
}

async function problemsOf(store: string, env: Record<string, string> = {}): Promise<string[]> {
  const loaded = await load(store, env)
  return loaded.ok ? [] : loaded.refusal.map((one) => printProblem(one).replace(`${folder}/sallyport.yaml:`, ''))
}

describe('the store of a configuration', () => {
  it('is SQLite unless another is named', async () => {
    expect(await settingsOf('{}')).toEqual({ kind: 'sqlite' })
  })

  it('is a PostgreSQL server by a URL in a file or the environment, with bounds', async () => {
    write('url', `postgres://app:${PASSWORD}%2F@127.0.0.1/gate\n`)
    const settings = await settingsOf('{ postgres: { url: "${file:url}" } }')
    expect(settings).toEqual({
      kind: 'postgres',
      host: '127.0.0.1',
      port: 5432,
      user: 'app',
      password: expect.anything(),
      database: 'gate',
      schema: 'sallyport',
      tls: null,
      connectionsMax: 10,
      connectTimeoutSeconds: 5,
      statementTimeoutSeconds: 10,
    })
    expect(settings.kind === 'postgres' && settings.password?.reveal()).toBe(`${PASSWORD}/`)
    const fromEnvironment = await settingsOf('{ postgres: { url: "${env:DB}", schema: other } }', {
      DB: `postgresql://app:${PASSWORD}@[::1]:6000/gate`,
    })
    expect(fromEnvironment).toMatchObject({ host: '::1', port: 6000, schema: 'other' })
    for (const shown of [inspect(settings, { depth: 9 }), JSON.stringify(settings)]) {
      expect(shown).not.toContain('hunter2')
    }
  })

  it('takes a password of its own, and a URL without one may be written out', async () => {
    write('password', `${PASSWORD}\n`)
    const settings = await settingsOf(
      '{ postgres: { url: "postgres://app@127.0.0.1/gate", password: "${file:password}" } }',
    )
    expect(settings.kind === 'postgres' && settings.password?.reveal()).toBe(PASSWORD)
    expect(await settingsOf('{ postgres: { url: "postgres://app@/gate?host=/run/postgresql" } }')).toMatchObject({
      host: '/run/postgresql',
      password: null,
      tls: null,
    })
  })

  it('is reached over TLS with a checked certificate, unless it is on this machine', async () => {
    const plain = { authority: null, certificate: null, privateKey: null }
    const over = async (url: string, more = '') => {
      const settings = await settingsOf(`{ postgres: { url: "${url}"${more} } }`)
      return settings.kind === 'postgres' ? settings.tls : null
    }
    expect(await over('postgres://app@db.example.com/gate')).toEqual(plain)
    expect(await over('postgres://app@db.example.com/gate?sslmode=require')).toEqual(plain)
    expect(await over('postgres://app@localhost/gate')).toBeNull()
    expect(await over('postgres://app@localhost/gate?sslmode=disable')).toBeNull()
    expect(await over('postgres://app@localhost/gate?sslmode=verify-full')).toEqual(plain)
    expect(await over('postgres://app@localhost/gate', ', tls: {}')).toEqual(plain)
    const { cert, key } = selfSignedCertificate(['db.example.com'])
    write('ca.pem', cert)
    write('client.pem', cert)
    write('client.key', key)
    const files = ', tls: { authorityFile: ca.pem, certificateFile: client.pem, privateKeyFile: client.key }'
    expect(await over('postgres://app@db.example.com/gate', files)).toEqual({
      authority: cert.trimEnd(),
      certificate: cert.trimEnd(),
      privateKey: expect.anything(),
    })
  })

  it('may be reached in the clear beyond this machine only by a dangerous option, which is named', async () => {
    const loaded = await load(
      '{ postgres: { url: "postgres://app@db/gate?sslmode=disable", dangerouslyConnectBeyondLoopbackWithoutTls: true } }',
    )
    if (!loaded.ok) throw new Error('refused')
    expect(loaded.value.store).toMatchObject({ tls: null })
    expect(loaded.value.snapshot.dangerousOptions).toEqual([
      'store.postgres.dangerouslyConnectBeyondLoopbackWithoutTls',
    ])
    expect(loaded.value.warnings.map((warning) => warning.path)).toEqual(['store.postgres.url'])
  })

  it.each([
    ['{ postgres: { url: "postgres://app:hunter2@db/gate" } }', 'This URL holds a literal password.'],
    ['{ postgres: { url: "postgres://app:${file:url}@db/gate" } }', 'A reference stands alone here.'],
    ['{ postgres: { url: "${env:MISSING}" } }', 'The environment has no MISSING.'],
    ['{ postgres: { url: "${file:missing}" } }', 'missing: There is no such file.'],
    ['{ postgres: { url: "${env:DB}" } }', 'This is not a postgres:// URL.'],
    ['{ postgres: { url: "postgres://db/gate" } }', 'The URL must name a user and a database.'],
    ['{ postgres: { url: "postgres://app@db" } }', 'The URL must name a user and a database.'],
    ['{ postgres: { url: "postgres://app@/gate" } }', 'The URL names no host.'],
    ['{ postgres: { url: "postgres://app@db/gate?sslmode=prefer" } }', '`sslmode` is `disable`, `require`'],
    [
      '{ postgres: { url: "postgres://app@db/gate?options=-c%20x=y" } }',
      'Only `sslmode` and `host` may follow the `?`.',
    ],
    ['{ postgres: { url: "postgres://app@db/gate?sslmode=disable" } }', 'Without TLS whoever is on the way'],
    [
      '{ postgres: { url: "postgres://app@localhost/gate?sslmode=disable", tls: {} } }',
      'The URL says `sslmode=disable`.',
    ],
    ['{ postgres: { url: "postgres://app@/gate?host=/run", tls: {} } }', 'A Unix socket knows no TLS.'],
    ['{ postgres: { url: "postgres://app@db/gate", password: hunter2 } }', 'This is not one reference.'],
    ['{ postgres: { url: "${env:FULL}", password: "${env:FULL}" } }', 'The URL holds a password too.'],
    [
      '{ postgres: { url: "postgres://app@db/gate", tls: { certificateFile: url } } }',
      'Certificate and private key belong',
    ],
    ['{ postgres: { url: "postgres://app@db/gate", tls: { authorityFile: url } } }', 'This is not a PEM certificate.'],
    ['{ postgres: { url: "postgres://app@db/gate", tls: { authorityFile: none } } }', 'There is no such file.'],
    ['{ postgres: { url: "postgres://app@db/gate", schema: "a b" } }', 'schema'],
    ['{ postgres: { url: "postgres://app@db/gate", connectionsMax: 1 } }', 'connectionsMax'],
    ['{ postgres: { url: "postgres://app@db/gate", sslmode: require } }', 'Unknown key `sslmode`.'],
  ])('%s is refused, and no password is repeated', async (store, problem) => {
    write('url', `not a url ${PASSWORD}`)
    const problems = await problemsOf(store, {
      DB: `mysql://app:${PASSWORD}@db/gate`,
      FULL: `postgres://a:${PASSWORD}@db/g`,
    })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(problem)
    expect(problems[0]).toMatch(/^3:\d+: store/)
    expect(problems[0]).not.toContain('hunter2')
  })

  it('holds until a restart; a new password does not count as another store', async () => {
    write('password', PASSWORD)
    const store = '{ postgres: { url: "postgres://app@127.0.0.1/gate", password: "${file:password}" } }'
    const place = 'postgres://app@127.0.0.1:5432/gate, schema sallyport'
    const same = await load(store, {}, place)
    expect(same.ok && same.value.warnings).toEqual([])
    const other = await load('{}', {}, place)
    expect(other.ok && other.value.warnings.map(({ problem, instead }) => [problem, instead])).toEqual([
      ['This changed, but holds only after a restart.', `Until then: ${place}.`],
    ])
    expect(same.ok && same.value.files).toContain(join(folder, 'password'))
  })
})
