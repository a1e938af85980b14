import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createTestCli, type TestCli } from '../support/cli.ts'

let cli: TestCli
beforeEach(() => {
  cli = createTestCli()
})
afterEach(() => cli.remove())

const FILE = '# Ours.\nversion: 1\nservers:\n  # The first.\n  files: { stdio: { command: node } }\n'
const write = (text: string) => writeFileSync(join(cli.folder, 'sallyport.yaml'), text, { mode: 0o600 })
const read = (name: string) => readFileSync(join(cli.folder, name), 'utf8')

describe('sallyport tenant', () => {
  it('creates one with a file to start from, lists it, and takes it away again with everything kept', async () => {
    write(FILE)
    const created = await cli.run(['tenant', 'create', 'acme'])
    expect([created.code, created.err]).toEqual([0, ''])
    expect(created.out).toContain('Tenant acme is at http://127.0.0.1:8700/t/acme.')
    expect(read('sallyport.yaml')).toBe(`${FILE}tenants:\n  acme:\n    file: tenants/acme.yaml\n`)
    expect((await cli.run(['check'])).out).toContain('Tenant acme at http://127.0.0.1:8700/t/acme: 0 servers')
    expect(JSON.parse((await cli.run(['tenant', 'list', '--json'])).out)).toEqual([
      { name: 'acme', publicUrl: 'http://127.0.0.1:8700/t/acme', servers: 0, isRunning: false },
    ])
    expect((await cli.run(['tenant', 'create', 'acme'])).code).toBe(1)
    // Nobody runs: it is opened by the command itself, and is not the gateway.
    expect((await cli.run(['user', 'add', 'ada', '--tenant', 'acme'])).code).toBe(0)
    expect((await cli.run(['user', 'list', '--tenant', 'acme'])).out).toContain('ada')
    expect((await cli.run(['user', 'list'])).out).not.toContain('ada')

    expect((await cli.run(['tenant', 'remove', 'acme'])).code).toBe(0)
    expect(read('sallyport.yaml')).toContain('# Ours.')
    expect((await cli.run(['user', 'list', '--tenant', 'acme'])).code).not.toBe(0)
    expect((await cli.run(['tenant', 'create', 'acme'])).code).toBe(0)
    expect((await cli.run(['user', 'list', '--tenant', 'acme'])).out).toContain('ada')
  })

  it.each(['../x', 'a/b', 'Acme', '', '.', 'a'.repeat(64)])('takes %j for no name', async (name) => {
    write(FILE)
    expect((await cli.run(['tenant', 'create', name])).code).toBe(2)
    expect((await cli.run(['user', 'list', '--tenant', name])).code).toBe(2)
    expect(read('sallyport.yaml')).toBe(FILE)
  })

  it('writes nothing where the configuration would be bad, or is', async () => {
    write(FILE)
    expect((await cli.run(['tenant', 'create', 'default'])).code).toBe(4)
    expect(read('sallyport.yaml')).toBe(FILE)
    expect(() => read('tenants/default.yaml')).toThrow()
    write(`${FILE}nonsense: 1\n`)
    expect((await cli.run(['tenant', 'create', 'acme'])).code).toBe(4)
    expect(read('sallyport.yaml')).toBe(`${FILE}nonsense: 1\n`)
    expect((await cli.run(['tenant', 'remove', 'acme'])).code).toBe(4)
  })
})
