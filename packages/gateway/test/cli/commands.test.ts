import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listenOnSocket } from '#control-plane/admin-api/socket.ts'
import { systemClock } from '#core/clock.ts'
import { asClientId, asSubjectId, DEFAULT_TENANT } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import { openTestAdminApi, seed } from '../support/admin-api.ts'
import { createTestCli, type TestCli } from '../support/cli.ts'

const CONFIGURATION = 'version: 1\nservers:\n  files:\n    stdio: { command: node }\n'
const EVIL_NAME = 'Nice\u001b[2J\u001b]0;owned\u0007\u202etxt'

let cli: TestCli
beforeEach(() => {
  cli = createTestCli()
  writeFileSync(join(cli.folder, 'sallyport.yaml'), CONFIGURATION)
})
afterEach(() => cli.remove())

describe('init and check', () => {
  it('writes a file that passes its own check, with the schema beside it, and never overwrites', async () => {
    const made = await cli.run(['init', 'new.yaml'])
    expect(made).toMatchObject({ code: 0, err: '' })
    const file = join(cli.folder, 'new.yaml')
    expect(readFileSync(file, 'utf8')).toMatch(/^# yaml-language-server: \$schema=\.\/sallyport\.schema\.json\n/)
    expect(existsSync(join(cli.folder, 'sallyport.schema.json'))).toBe(true)
    const checked = await cli.run(['check', '--config', 'new.yaml'])
    expect(checked.code).toBe(0)
    expect(checked.err).toContain('There is no server')
    writeFileSync(file, 'mine')
    expect(await cli.run(['init', 'new.yaml'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('exists already'),
    })
    expect(readFileSync(file, 'utf8')).toBe('mine')
  })

  it('the examples of the starter are good once their comments are taken away', async () => {
    await cli.run(['init', 'new.yaml'])
    const starter = readFileSync(join(cli.folder, 'new.yaml'), 'utf8')
    const whole = starter
      .replace('servers: {}', 'servers:')
      .replace(/^#(?! )/gm, '')
      .replace(/^# {2}(?=[ \w])/gm, '  ')
    mkdirSync(join(cli.folder, 'secrets'))
    writeFileSync(join(cli.folder, 'secrets', 'tickets-token'), 'x', { mode: 0o600 })
    writeFileSync(join(cli.folder, 'secrets', 'postgres-url'), 'postgres://a:b@localhost/c', { mode: 0o600 })
    writeFileSync(join(cli.folder, 'full.yaml'), whole)
    const checked = await cli.run(['check', '--config', 'full.yaml'])
    expect(checked).toMatchObject({ code: 0, err: '', out: expect.stringContaining('3 servers, 2 roles') })
  })

  it('prints every problem with its place, exit code 1, also as JSON', async () => {
    writeFileSync(join(cli.folder, 'sallyport.yaml'), 'version: 1\nsrvers: {}\n')
    const checked = await cli.run(['check'])
    expect(checked).toEqual({
      code: 1,
      out: '',
      err: `${cli.folder}/sallyport.yaml:2:1: srvers: Unknown key \`srvers\`. Did you mean \`servers\`?\n`,
    })
    const json = await cli.run(['check', '--json'])
    expect(json.code).toBe(1)
    expect(JSON.parse(json.out)).toMatchObject({ ok: false, problems: [{ line: 2, column: 1, path: 'srvers' }] })
  })
})

describe('without a running server', () => {
  it('a user is added, listed and changed in the state itself, and the log has it all', async () => {
    writeFileSync(join(cli.folder, 'password'), 'correct horse battery\n')
    const added = await cli.run(['user', 'add', 'ada', '--password-file', 'password', '--role', 'operator', '--json'])
    expect(added).toMatchObject({ code: 0, err: '' })
    expect(JSON.parse(added.out)).toMatchObject({ username: 'ada', roles: ['operator'], status: 'active' })
    expect(added.out).not.toContain('correct horse')
    const generated = await cli.run(['user', 'add', 'bob', '--json'])
    expect(JSON.parse(generated.out)).toMatchObject({ username: 'bob', password: expect.stringMatching(/^[\w-]{24}$/) })
    const fromStdin = await cli.run(['user', 'password', 'bob', '--password-file', '-'], {
      stdin: 'another good phrase\n',
    })
    expect(fromStdin).toMatchObject({ code: 0, err: '' })
    expect((await cli.run(['user', 'roles', 'bob', 'user', 'auditor'])).out).toContain('user, auditor')
    expect((await cli.run(['user', 'disable', 'bob'])).out).toContain('disabled')
    const listed = await cli.run(['user', 'list'])
    expect(listed.out).toMatch(/^USERNAME +STATUS +ROLES/)
    expect(listed.out).toMatch(/^ada +active +operator/m)
    expect(listed.out).toMatch(/^bob +disabled +user,auditor/m)
    const shown = await cli.run(['log', 'show', '--activity', 'account.change', '--json'])
    expect(JSON.parse(shown.out)).toHaveLength(3)
    expect(statSync(join(cli.folder, 'var')).mode & 0o077).toBe(0)
    expect(existsSync(join(cli.folder, 'var', 'sallyport.sock'))).toBe(false)
  })

  it('an export verifies with the key alone, and a changed one does not', async () => {
    await cli.run(['user', 'add', 'ada'])
    expect(await cli.run(['log', 'verify'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('The log is whole'),
    })
    expect(await cli.run(['log', 'export', '--output', 'log.ndjson'])).toMatchObject({ code: 0 })
    expect(await cli.run(['log', 'export', '--output', 'no/such/folder/log.ndjson'])).toMatchObject({
      code: 3,
      err: expect.stringContaining('The export cannot be written'),
    })
    const offline = ['log', 'verify', '--file', 'log.ndjson', '--key', 'var/audit/verifier-key']
    expect(await cli.run(offline)).toMatchObject({ code: 0 })
    const file = join(cli.folder, 'log.ndjson')
    const piped = ['log', 'verify', '--file', '-', '--key', 'var/audit/verifier-key']
    expect(await cli.run(piped, { stdin: readFileSync(file, 'utf8') })).toMatchObject({ code: 0 })
    expect(await cli.run(piped, { stdin: 'not an export\n' })).toMatchObject({ code: 1 })
    writeFileSync(file, readFileSync(file, 'utf8').replace('account.create', 'account.change'))
    const tampered = await cli.run([...offline, '--json'])
    expect(tampered.code).toBe(1)
    expect(JSON.parse(tampered.out)).toMatchObject({
      isWhole: false,
      fault: 'record 0 was changed after it was logged',
    })
    writeFileSync(file, 'not an export\n')
    expect(await cli.run(offline)).toMatchObject({ code: 1, err: 'Line 1 is not a line of an export.\n' })
    expect(await cli.run(['log', 'verify', '--file', 'log.ndjson'])).toMatchObject({ code: 2 })
  })

  it('reading does not create a state', async () => {
    const listed = await cli.run(['user', 'list'])
    expect(listed).toMatchObject({ code: 3, err: expect.stringContaining('There is no state in') })
    expect(existsSync(join(cli.folder, 'var'))).toBe(false)
  })

  it('without a configuration, says how to get one', async () => {
    rmSync(join(cli.folder, 'sallyport.yaml'), { force: true })
    const how = expect.stringMatching(/sallyport\.yaml: There is no such file\.\nWrite one with `sallyport init`/)
    expect(await cli.run(['check'])).toMatchObject({ code: 1, err: how })
    expect(await cli.run(['serve'])).toMatchObject({ code: 4, err: how })
    expect(await cli.run(['user', 'add', 'ada'])).toMatchObject({ code: 4, err: how })
  })

  it('says which usernames there can be', async () => {
    expect(await cli.run(['user', 'add', 'Ada L'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('username: must be 1 to 64 of a-z, 0-9 and . _ @ -'),
    })
  })

  it('prints its version', async () => {
    expect(await cli.run(['--version'])).toMatchObject({ code: 0, out: '0.1.0\n' })
  })

  it('a bad configuration is exit code 4 with its place', async () => {
    writeFileSync(join(cli.folder, 'sallyport.yaml'), 'version: 9\n')
    expect(await cli.run(['user', 'add', 'ada'])).toMatchObject({
      code: 4,
      err: expect.stringContaining(':1:10: version'),
    })
    expect(await cli.run(['serve'])).toMatchObject({ code: 4, err: expect.stringContaining(':1:10: version') })
  })

  it('a state in use by a process that does not answer is exit code 3', async () => {
    mkdirSync(join(cli.folder, 'var'), { mode: 0o700 })
    const store = await openSqliteStore({ file: join(cli.folder, 'var', 'sallyport.db') })
    expect(await cli.run(['user', 'list'])).toMatchObject({ code: 3, err: expect.stringContaining('Another process') })
    await store.close()
  })
})

describe('places', () => {
  it('come from options, then the environment, then defaults', async () => {
    mkdirSync(join(cli.folder, 'examples', 'quickstart'), { recursive: true })
    writeFileSync(join(cli.folder, 'examples', 'quickstart', 'sallyport.yaml'), `${CONFIGURATION}# quickstart\n`)
    const fileOf = async (argv: string[], env: Record<string, string> = {}) =>
      (JSON.parse((await cli.run(['check', '--json', ...argv], { env })).out) as { file: string }).file
    expect(await fileOf([])).toBe(join(cli.folder, 'sallyport.yaml'))
    expect(await fileOf([], { SALLYPORT_CONFIG: 'env.yaml' })).toBe(join(cli.folder, 'env.yaml'))
    expect(await fileOf(['--config', 'option.yaml'], { SALLYPORT_CONFIG: 'env.yaml' })).toBe(
      join(cli.folder, 'option.yaml'),
    )
    await import('node:fs/promises').then(({ rm }) => rm(join(cli.folder, 'sallyport.yaml')))
    expect(await fileOf([])).toBe(join(cli.folder, 'examples', 'quickstart', 'sallyport.yaml'))
    await cli.run(['user', 'add', 'ada'], { env: { SALLYPORT_STATE_DIR: 'elsewhere' } })
    expect(existsSync(join(cli.folder, 'elsewhere', 'sallyport.db'))).toBe(true)
  })
})

describe('usage', () => {
  it.each([
    [['bogus']],
    [['user', 'add']],
    [['user', 'add', 'ada', '--password', 'secret']],
    [['user', 'add', 'UPPER']],
    [['user', 'add', 'ada', '--role', 'wizard']],
    [['user', 'add', 'ada', '--password-file', 'missing']],
    [['serve', '--port', '0']],
    [['serve', '--port', '70000']],
    [['log', 'show', '--limit', 'many']],
    [['client', 'list', '--status', 'odd']],
    [['grant', 'revoke']],
    [['grant', 'revoke', 'x', '--user', 'ada']],
  ])('%j is exit code 2 and opens nothing', async (argv) => {
    const { code, err, out } = await cli.run(argv)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).not.toBe('')
  })

  it('a weak or empty password is refused', async () => {
    writeFileSync(join(cli.folder, 'weak'), 'short\n')
    expect(await cli.run(['user', 'add', 'ada', '--password-file', 'weak'])).toMatchObject({
      code: 2,
      err: 'The password is too short: at least 12 characters.\n',
    })
    expect(await cli.run(['user', 'add', 'ada', '--password-file', '-'], { stdin: '\n' })).toMatchObject({
      code: 2,
      err: 'The password is empty.\n',
    })
  })
})

describe('with a running server', () => {
  it('speaks to its socket, and names from strangers do nothing to the terminal', async () => {
    const world = await openTestAdminApi()
    const stateDir = join(cli.folder, 'var')
    mkdirSync(stateDir, { mode: 0o700 })
    const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
    const socket = await listenOnSocket({
      routes: world.api.localRoutes,
      stateDir,
      clock: systemClock,
      random: systemRandom,
      log,
    })
    const ada = await seed(world.store, 'ada')
    const documentId = 'https://app.example.com/client.json'
    await world.store.clients.register(
      {
        tenant: DEFAULT_TENANT,
        clientId: asClientId(documentId),
        kind: 'metadataDocument',
        status: 'pending',
        metadata: JSON.stringify({ client_name: EVIL_NAME, redirect_uris: ['http://127.0.0.1/\u001b[31m'] }),
        sealedSecret: null,
        createdAt: 1,
        approvedAt: null,
        approvedBy: null,
      },
      100,
      [],
    )
    await world.store.accounts.create(
      {
        tenant: DEFAULT_TENANT,
        subject: asSubjectId('01a1fccf-3ce8-7bf3-b7c8-433692f2479f'),
        username: 'eve',
        displayName: EVIL_NAME,
        passwordHash: createHash('sha256').update('eve').digest('hex'),
        roles: ['user'],
        status: 'active',
        createdAt: 1,
        passwordChangedAt: 1,
      },
      [],
    )
    const outputs: string[] = []
    const run = async (...argv: string[]) => {
      const result = await cli.run(argv)
      outputs.push(result.out, result.err)
      return result
    }
    expect((await run('client', 'list')).out).toContain('Nice\\u{1b}[2J\\u{1b}]0;owned\\u{7}\\u{202e}txt')
    await run('client', 'list', '--json')
    await run('user', 'list')
    await run('user', 'list', '--json')
    await run('user', 'show', 'eve')
    expect(await run('client', 'approve', documentId)).toMatchObject({
      code: 0,
      out: expect.stringContaining('active'),
    })
    expect(await run('client', 'approve', documentId)).toMatchObject({
      code: 1,
      err: 'This client is active, not pending.\n',
    })
    expect(await run('client', 'show', 'nobody')).toMatchObject({ code: 1, err: 'There is no such client.\n' })
    expect((await run('grant', 'list')).out).toMatch(/^grant-of-ada +ada +files +live/m)
    expect(await run('grant', 'revoke', '--user', 'ada')).toMatchObject({ code: 0, out: 'Revoked 1 grants.\n' })
    expect((await run('grant', 'list', '--user', 'ada', '--all')).out).toContain('revoked')
    expect(await run('grant', 'show', ada.grantId)).toMatchObject({ code: 0, out: expect.stringContaining('operator') })
    expect(await run('client', 'remove', documentId)).toMatchObject({
      code: 0,
      out: expect.stringContaining('removed'),
    })
    expect(await run('log', 'explain', 'request-1')).toMatchObject({ code: 0, out: expect.stringContaining('login') })
    expect(await run('log', 'explain', 'nothing')).toMatchObject({ code: 1 })
    expect((await run('log', 'export')).out).toBe('{"type":"record","position":0,"leaf":"","body":"{}"}\n')
    for (const output of outputs) expect(output).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
    await socket.close()
    await world.close()
  })
})
