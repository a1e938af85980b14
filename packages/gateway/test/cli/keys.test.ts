import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createTestCli, type TestCli } from '../support/cli.ts'

const CONFIGURATION = [
  'version: 1',
  'servers:',
  '  files:',
  '    stdio: { command: node }',
  '  notes:',
  '    stdio: { command: node }',
  '',
].join('\n')
const KEY_TEXT = /spk_[0-9A-Za-z]{17}_[0-9A-Za-z]{49}/

interface ShownKey {
  readonly keyId: string
  readonly key: string | null
  readonly status: string
  readonly expiresAt: string
  readonly servers: readonly { readonly server: string; readonly scopes: readonly string[] }[]
  readonly secrets: readonly { readonly prefix: string; readonly endsAt: string }[]
  readonly rotations: number
}

let cli: TestCli
beforeEach(async () => {
  cli = createTestCli()
  writeFileSync(join(cli.folder, 'sallyport.yaml'), CONFIGURATION)
  writeFileSync(join(cli.folder, 'password'), 'correct horse battery\n')
  expect(await cli.run(['user', 'add', 'ada', '--password-file', 'password'])).toMatchObject({ code: 0 })
})
afterEach(() => cli.remove())

const create = (...more: string[]) =>
  cli.run(['key', 'create', '--user', 'ada', '--name', 'nightly', '--scope', 'files:read', '--expires', '90d', ...more])
const made = async (...more: string[]) => {
  const { code, out, err } = await create('--json', ...more)
  expect([code, err]).toEqual([0, ''])
  return JSON.parse(out) as ShownKey
}
const rotate = (...args: string[]) => cli.run(['key', 'rotate', ...args, '--json'])

describe('sallyport key', () => {
  it('create shows the key once; nothing else ever does, the log included', async () => {
    const created = await create('--scope', 'notes:read')
    expect(created).toMatchObject({ code: 0, err: '' })
    const text = KEY_TEXT.exec(created.out)?.[0] ?? ''
    expect(text).not.toBe('')
    const { keyId } = (JSON.parse((await cli.run(['key', 'list', '--json'])).out) as ShownKey[])[0] ?? { keyId: '' }
    expect(keyId).toMatch(/^key_[0-9a-f]{24}$/)
    for (const command of [
      ['key', 'list'],
      ['key', 'list', '--json'],
      ['log', 'export'],
      ['log', 'show', '--json'],
    ]) {
      const { code, out } = await cli.run(command)
      expect(code).toBe(0)
      expect(out).not.toContain(text.slice(22))
    }
    const log = (await cli.run(['log', 'export'])).out
    expect(log).toContain('key.create')
    expect(log).toContain(keyId)
    expect(log).not.toContain('nightly')
  })

  it('binds to the servers that its scopes name', async () => {
    const key = await made('--scope', 'notes:write', '--scope', 'files:write')
    expect(key.servers.map(({ server, scopes }) => [server, scopes])).toEqual([
      ['files', ['files:read', 'files:write']],
      ['notes', ['notes:write']],
    ])
  })

  it.each([
    [['--scope', 'nowhere:read'], 'there is no server nowhere'],
    [['--scope', 'files:everything'], 'no role of ada allows files:everything, or there is no such scope'],
    [['--scope', 'files:admin'], 'no role of ada allows files:admin, or there is no such scope'],
    [['--scope', 'files'], 'A scope is server:class'],
    [['--scope', 'api:write'], 'there is no server api'],
    [['--expires', '366d'], 'expiresInSeconds'],
    [['--expires', '0'], 'expiresInSeconds'],
    [['--expires', 'never'], 'Write a number and s, m, h or d'],
    [['--user', 'nobody'], 'There is no such user'],
    [['--name', ''], 'name'],
    [['--name', 'x'.repeat(129)], 'name'],
  ])('create with %j is refused, and makes nothing', async (more, problem) => {
    const { code, out, err } = await create(...more)
    expect([code === 0, out]).toEqual([false, ''])
    expect(err).toContain(problem)
    expect((await cli.run(['key', 'list', '--all', '--json'])).out.trim()).toBe('[]')
  })

  it('create needs an end, a user, a name and a scope', async () => {
    for (const left of ['--expires', '--user', '--name', '--scope']) {
      const all = ['--user', 'ada', '--name', 'n', '--scope', 'files:read', '--expires', '1d']
      const at = all.indexOf(left)
      const { code, err } = await cli.run(['key', 'create', ...all.toSpliced(at, 2)])
      expect([code, err.includes(`required option '${left}`)]).toEqual([2, true])
    }
  })

  it('rotate shows a new secret and when the old one ends; a second within the overlap ends the first', async () => {
    const first = await made()
    const second = JSON.parse((await rotate(first.keyId, '--overlap', '7d')).out) as ShownKey
    expect(second.key).toMatch(KEY_TEXT)
    expect(second.key).not.toBe(first.key)
    expect(second.secrets.map(({ prefix }) => prefix)).toEqual([second.key?.slice(0, 21), first.key?.slice(0, 21)])
    const days = (time = '') => Math.round((Date.parse(time) - Date.now()) / 86_400_000)
    expect(second.secrets.map(({ endsAt }) => days(endsAt))).toEqual([90, 7])
    const third = JSON.parse((await rotate(first.keyId, '--overlap', '0', '--expires', '30d')).out) as ShownKey
    expect(third.secrets.map(({ prefix }) => prefix)).toEqual([third.key?.slice(0, 21)])
    expect([days(third.expiresAt), third.rotations]).toEqual([30, 2])
  })

  it('rotate on a schedule does nothing while the newest secret is young', async () => {
    const key = await made()
    const early = await rotate(key.keyId, '--if-older-than', '30d')
    expect(JSON.parse(early.out)).toMatchObject({ key: null, rotations: 0 })
    expect((await cli.run(['key', 'rotate', key.keyId, '--if-older-than', '30d'])).out).toContain('Not rotated')
    expect(JSON.parse((await rotate(key.keyId, '--if-older-than', '0')).out)).toMatchObject({ rotations: 1 })
  })

  it.each([
    ['--overlap', '14m'],
    ['--overlap', '31d'],
    ['--expires', '366d'],
    ['--overlap', '-1'],
    ['--overlap', '1.5h'],
  ])('rotate %s %s is refused, and changes nothing', async (option, value) => {
    const key = await made()
    const { code, out } = await rotate(key.keyId, option, value)
    expect([code, out]).toEqual([2, ''])
    expect(JSON.parse((await cli.run(['key', 'list', '--json'])).out)).toMatchObject([{ rotations: 0 }])
  })

  it('what is revoked, by itself or with its user, is neither rotated nor revoked again', async () => {
    const one = await made()
    const two = await made()
    expect(await cli.run(['key', 'revoke', one.keyId])).toMatchObject({ code: 0, out: `Revoked ${one.keyId}.\n` })
    expect(await cli.run(['user', 'disable', 'ada'])).toMatchObject({ code: 0 })
    expect(await create()).toMatchObject({ code: 1, err: expect.stringContaining('The account is disabled') })
    expect(await cli.run(['user', 'enable', 'ada'])).toMatchObject({ code: 0 })
    for (const { keyId } of [one, two]) {
      expect(await rotate(keyId)).toMatchObject({ code: 1, err: 'This key is revoked or expired. Make another.\n' })
      expect(await rotate(keyId, '--if-older-than', '30d')).toMatchObject({ code: 1 })
    }
    expect(await cli.run(['key', 'revoke', one.keyId])).toMatchObject({ code: 1 })
    const shown = JSON.parse((await cli.run(['key', 'list', '--all', '--json'])).out) as ShownKey[]
    expect(shown.map(({ status, secrets }) => [status, secrets])).toEqual([
      ['revoked', []],
      ['revoked', []],
    ])
  })
})

describe('sallyport client token', () => {
  it('create shows the token once; list and revoke name it', async () => {
    const created = await cli.run(['client', 'token', 'create', '--name', 'fleet', '--uses', '20', '--expires', '7d'])
    expect(created).toMatchObject({ code: 0, err: '' })
    const [text = '', tokenId = ''] = /spi_([0-9A-Za-z]{17})_[0-9A-Za-z]{49}/.exec(created.out) ?? []
    expect(tokenId).not.toBe('')
    const listed = await cli.run(['client', 'token', 'list'])
    expect(listed.out).toMatch(new RegExp(`^${tokenId} +live +0 of 20 +\\S+ +fleet$`, 'm'))
    expect(await cli.run(['client', 'token', 'revoke', tokenId])).toMatchObject({
      code: 0,
      out: `Revoked ${tokenId}.\n`,
    })
    expect(await cli.run(['client', 'token', 'revoke', tokenId])).toMatchObject({ code: 1 })
    expect(await cli.run(['client', 'token', 'revoke', 'nobody'])).toMatchObject({ code: 1 })
    expect((await cli.run(['client', 'token', 'list', '--json'])).out.trim()).toBe('[]')
    const all = await cli.run(['client', 'token', 'list', '--all', '--json'])
    expect(JSON.parse(all.out)).toMatchObject([{ tokenId, status: 'revoked', uses: 0, usesMax: 20 }])
    for (const { out } of [listed, all, await cli.run(['log', 'export'])]) expect(out).not.toContain(text.slice(22))
  })

  it.each([
    ['--uses', '0'],
    ['--uses', '10001'],
    ['--expires', '91d'],
    ['--expires', 'soon'],
    ['--name', ''],
  ])('create with %s %j is refused', async (option, value) => {
    const { code, out } = await cli.run(['client', 'token', 'create', '--name', 'n', '--expires', '7d', option, value])
    expect([code, out]).toEqual([2, ''])
    expect((await cli.run(['client', 'token', 'list', '--all', '--json'])).out.trim()).toBe('[]')
  })
})
