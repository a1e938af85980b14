import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { eventually } from '../support/eventually.ts'
import { askModern, fetchModern } from '../support/modern-client.ts'

/** A modern server on standard streams, written by hand. It notes what it hears in the file it is given. */
const SERVER = `
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
const complete = { resultType: 'complete' }
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  appendFileSync(process.argv[2], JSON.stringify({ pid: process.pid, id, method, params }) + '\\n')
  if (method === 'server/discover') say({ id, result: { ...complete, supportedVersions: ['2026-07-28'], capabilities: { tools: {} } } })
  if (method === 'tools/list') say({ id, result: { ...complete, tools: ['get_pid', 'get_nothing', 'get_end'].map((name) => ({ name, inputSchema: { type: 'object' } })) } })
  if (method !== 'tools/call' || params.name === 'get_nothing') return
  if (params.name === 'get_end') process.exit(1)
  const token = params._meta.progressToken
  if (token !== undefined) say({ method: 'notifications/progress', params: { progressToken: token, progress: 1 } })
  say({ id, result: { ...complete, content: [{ type: 'text', text: String(process.pid) }] } })
})
`

interface Heard {
  readonly pid: number
  readonly id?: number
  readonly method: string
  readonly params: Record<string, unknown>
}

let folder: string
let gateway: DataPlaneGateway

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modern-stdio-'))
  await writeFile(join(folder, 'server.mjs'), SERVER)
  gateway = await startDataPlane({
    servers: {
      it: {
        upstream: {
          kind: 'stdio',
          command: process.execPath,
          args: [join(folder, 'server.mjs'), join(folder, 'heard')],
          env: new Map(),
          cwd: null,
        },
      },
    },
  })
})
afterEach(async () => {
  await gateway.close()
  await rm(folder, { recursive: true, force: true })
})

const call = (name: string, more: { token?: string; meta?: Record<string, unknown> } = {}) =>
  askModern(gateway.url('it'), { token: 'token-ann', method: 'tools/call', params: { name }, ...more })
const pidOf = ({ last }: { last: Record<string, unknown> }) =>
  (last['result'] as { content: { text: string }[] }).content[0]?.text

async function heard(): Promise<Heard[]> {
  const text = await readFile(join(folder, 'heard'), 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Heard)
}

describe('a modern server that is a process', () => {
  it('is asked for its era once, works for one subject and client alone, and hears requests of the same one side by side', async () => {
    const [first, second] = await Promise.all([call('get_pid'), call('get_pid', { meta: { progressToken: 'mine' } })])
    expect(pidOf(first)).toBe(pidOf(second))
    expect(second.messages[0]).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken: 'mine', progress: 1 },
    })
    const others = [
      await call('get_pid', { token: 'token-bob' }),
      await call('get_pid', { token: 'token-ann.client~other' }),
    ]
    expect(new Set([first, ...others].map(pidOf)).size).toBe(3)
    const methods = (await heard()).map(({ method }) => method)
    expect(methods.filter((method) => method === 'server/discover')).toHaveLength(1)
    expect(methods.filter((method) => method === 'initialize')).toHaveLength(0)
  })

  it('is told when the client hangs up', async () => {
    const controller = new AbortController()
    const params = { name: 'get_nothing' }
    const asked = fetchModern(gateway.url('it'), {
      token: 'token-ann',
      method: 'tools/call',
      params,
      signal: controller.signal,
    }).catch(() => null)
    await eventually(async () => expect((await heard()).some(({ method }) => method === 'tools/call')).toBe(true))
    controller.abort()
    await asked
    await eventually(async () => {
      const all = await heard()
      const requestId = all.find(({ method }) => method === 'tools/call')?.id
      expect(all.at(-1)).toMatchObject({ method: 'notifications/cancelled', params: { requestId } })
    })
  })

  it('that ends loses what was under way, and the next request finds another', async () => {
    const before = pidOf(await call('get_pid'))
    const lost = await call('get_end')
    expect(lost.last).toMatchObject({ id: 1, error: { code: -32603 } })
    const after = await call('get_pid')
    expect(after.status).toBe(200)
    expect(pidOf(after)).not.toBe(before)
  })
})
