import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Person } from '../e2e/support/authorize.ts'
import { initialize, logInScripted, post } from '../support/scripted-client.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

/** A server that keeps what it is told in the folder it was given, and tells what it was started with. */
const CHILD = `
const fs = require('node:fs')
const say = (o) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...o }) + '\\n')
const tools = ['get_self', 'get_kept', 'write_kept'].map((name) => ({ name, inputSchema: { type: 'object' } }))
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const m = JSON.parse(line)
  const text = (t) => say({ id: m.id, result: { content: [{ type: 'text', text: JSON.stringify(t) }] } })
  if (m.method === 'initialize') return say({ id: m.id, result: { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'x', version: '1' } } })
  if (m.method === 'tools/list') return say({ id: m.id, result: { tools } })
  if (m.method !== 'tools/call') return
  const file = process.env.KEPT_FILE
  if (m.params.name === 'get_self') text({ pid: process.pid, env: { ...process.env, API_TOKEN: String(process.env.API_TOKEN).length }, argv: process.argv.slice(2) })
  if (m.params.name === 'write_kept') { fs.writeFileSync(file, m.params.arguments.text); text('kept') }
  if (m.params.name === 'get_kept') text(fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : null)
})`

let world: WholeGateway
let origin: string
let alice: Person
let bob: Person

beforeAll(async () => {
  world = await startWholeGateway(
    (port) =>
      [
        'version: 1',
        `gateway: { publicUrl: 'http://127.0.0.1:${port}' }`,
        'servers:',
        '  kept:',
        '    stdio:',
        '      command: node',
        "      args: [child.cjs, '${userDir}/argument']",
        "      env: { KEPT_FILE: '${userDir}/kept.txt', GREETING: hello, API_TOKEN: '${file:api-token}' }",
        '',
      ].join('\n'),
    {
      files: { 'child.cjs': CHILD, 'api-token': 'k3y-of-the-upstream' },
      env: { SALLYPORT_SECRET_OF_THE_GATEWAY: 'must not travel', NODE_OPTIONS: '--no-warnings' },
    },
  )
  origin = `http://127.0.0.1:${world.port}`
  alice = await world.addUser('alice')
  bob = await world.addUser('bob')
})
afterAll(() => world.close())

async function openSession(person: Person) {
  const tokens = await logInScripted(
    fetch,
    { authorize: `${origin}/oauth/authorize`, token: `${origin}/oauth/token`, register: `${origin}/oauth/register` },
    person,
    { resource: `${origin}/mcp/kept`, scope: 'kept:write' },
  )
  const url = `${origin}/mcp/kept`
  const opened = await initialize(fetch, url, tokens.access_token)
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' }
  let id = 0
  return async (name: string, args: object = {}): Promise<unknown> => {
    id += 1
    const body = { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } }
    const answer = await post(fetch, url, tokens.access_token, body, session)
    const { result } = (await answer.json()) as { result: { content: { text: string }[] } }
    return JSON.parse(result.content[0]?.text ?? 'null')
  }
}

interface Self {
  readonly pid: number
  /** Of the credential its length: an answer that quoted it would be refused. */
  readonly env: { readonly KEPT_FILE: string; readonly HOME: string; readonly API_TOKEN: number }
  readonly argv: readonly string[]
}

it('each user has a folder of their own and each session a process; the environment is what the entry says', async () => {
  const [ofAlice, alsoOfAlice, ofBob] = [await openSession(alice), await openSession(alice), await openSession(bob)]
  await ofAlice('write_kept', { text: 'of alice' })
  expect(await alsoOfAlice('get_kept')).toBe('of alice')
  expect(await ofBob('get_kept')).toBeNull()

  const selves = (await Promise.all([ofAlice('get_self'), alsoOfAlice('get_self'), ofBob('get_self')])) as Self[]
  expect(new Set(selves.map(({ pid }) => pid)).size).toBe(3)
  for (const { env, argv } of selves) {
    expect(Object.keys(env).sort()).toEqual(['API_TOKEN', 'GREETING', 'HOME', 'KEPT_FILE', 'PATH', 'TMPDIR'])
    expect(env.API_TOKEN).toBe('k3y-of-the-upstream'.length)
    expect(argv).toEqual([env.KEPT_FILE.replace('kept.txt', 'argument')])
  }
  expect(new Set(selves.map(({ env }) => env.KEPT_FILE)).size).toBe(2)
  expect(new Set(selves.map(({ env }) => env.HOME)).size).toBe(3)
  const users = join(world.folder, 'var', 'users')
  for (const entry of await readdir(users, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) expect((await stat(join(entry.parentPath, entry.name))).mode & 0o077).toBe(0)
  }
})

it('closing the gateway leaves no process behind', async () => {
  const { pid } = (await (await openSession(bob))('get_self')) as Self
  expect(() => process.kill(pid, 0)).not.toThrow()
  await world.gateway.close()
  expect(() => process.kill(pid, 0)).toThrow()
})
