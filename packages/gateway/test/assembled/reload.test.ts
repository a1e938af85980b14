import { createHash } from 'node:crypto'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { initialize, logInScripted } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

let upstream: ScriptedUpstream
let world: WholeGateway
let origin: string

const yaml = (port: number, ids: readonly string[]) =>
  [
    'version: 1',
    'gateway:',
    `  publicUrl: 'http://127.0.0.1:${port}'`,
    '  dangerouslyListenBeyondLoopbackWithoutTls: true',
    'servers:',
    ...ids.map((id) => `  ${id}: { http: { url: '${upstream.url}', network: loopback } }`),
    '',
  ].join('\n')
const versionOf = (text: string) => createHash('sha256').update(text).digest('hex')

beforeEach(async () => {
  upstream = await startScriptedUpstream(() => false)
  world = await startWholeGateway((port) => yaml(port, ['files']))
  origin = `http://127.0.0.1:${world.port}`
})
afterEach(async () => {
  await world.close()
  await upstream.close()
})

interface ExportedRecord {
  readonly activity_name: string
  readonly status_code?: string
  readonly unmapped: { readonly decision?: Record<string, unknown>; readonly detail?: Record<string, unknown> }
}

async function records(activity: string): Promise<ExportedRecord[]> {
  const lines = (await world.exportLog()).trimEnd().split('\n')
  return lines
    .map((line) => JSON.parse(line) as { type: string; body?: string })
    .flatMap(({ type, body }) => (type === 'record' && body !== undefined ? [JSON.parse(body) as ExportedRecord] : []))
    .filter(({ activity_name }) => activity_name === activity)
}

it('dangerous options are recorded and logged at start', async () => {
  const [start] = (await records('system.start')).filter(({ unmapped }) => unmapped.detail?.['servers'] !== undefined)
  expect(start?.unmapped.detail).toMatchObject({
    dangerousOptions: expect.stringContaining('dangerouslyListenBeyondLoopbackWithoutTls'),
  })
  expect(world.logged).toContainEqual(
    expect.objectContaining({
      level: 'warn',
      details: expect.objectContaining({ option: expect.stringContaining('dangerously') }),
    }),
  )
})

it('a reload swaps everything at once without a restart; every later record names the version that decided', async () => {
  const alice = await world.addUser('alice')
  const endpoints = {
    authorize: `${origin}/oauth/authorize`,
    token: `${origin}/oauth/token`,
    register: `${origin}/oauth/register`,
  }
  const before = await logInScripted(fetch, endpoints, alice, { resource: `${origin}/mcp/files` })
  expect((await initialize(fetch, `${origin}/mcp/files`, before.access_token)).status).toBe(200)
  expect((await initialize(fetch, `${origin}/mcp/extra`, null)).status).toBe(404)

  const next = yaml(world.port, ['files', 'extra'])
  await world.reconfigure(next)
  expect((await initialize(fetch, `${origin}/mcp/extra`, null)).status).toBe(401)
  expect((await fetch(`${origin}/.well-known/oauth-protected-resource/mcp/extra`)).status).toBe(200)
  expect((await initialize(fetch, `${origin}/mcp/files`, before.access_token)).status).toBe(200)
  const extra = await logInScripted(fetch, endpoints, alice, { resource: `${origin}/mcp/extra` })
  expect((await initialize(fetch, `${origin}/mcp/extra`, extra.access_token)).status).toBe(200)

  const opened = await records('session.open')
  expect(opened.map(({ unmapped }) => unmapped.decision?.['config'])).toEqual([
    versionOf(yaml(world.port, ['files'])),
    versionOf(next),
    versionOf(next),
  ])
  expect((await records('config.applied')).at(-1)?.unmapped.decision).toMatchObject({ config: versionOf(next) })
})

it('a bad file keeps the old configuration in force and says so in health, log and audit', async () => {
  await world.reconfigure('version: 1\nservers: { files: { stdio: { comand: node } } }\n')
  expect((await initialize(fetch, `${origin}/mcp/files`, null)).status).toBe(401)
  expect(await (await fetch(`${origin}/readyz`)).json()).toEqual({ status: 'ready', configuration: 'stale' })
  expect(JSON.parse((await world.admin('GET', '/configuration')).text)).toMatchObject({
    state: 'stale',
    problems: expect.arrayContaining([expect.objectContaining({ line: 2 })]),
  })
  expect(world.logged.filter(({ level }) => level === 'error' || level === 'warn').length).toBeGreaterThan(0)
  expect(await records('config.rejected')).toHaveLength(1)

  await world.reconfigure(yaml(world.port, ['files']))
  expect(await (await fetch(`${origin}/readyz`)).json()).toEqual({ status: 'ready', configuration: 'ok' })
})
