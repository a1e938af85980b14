import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { eventually } from '../support/eventually.ts'
import { ask, begin } from '../support/modern.ts'

const TAG = 'io.modelcontextprotocol/subscriptionId'

/** Acknowledges every subscription, and tells all of them of a change when its tool is called. It notes what it hears. */
const SERVER = `
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
const note = (message) => appendFileSync(process.argv[2], JSON.stringify(message) + '\\n')
const complete = { resultType: 'complete' }
const listeners = []
const tell = (id, method, params) => say({ method, params: { ...params, _meta: { '${TAG}': id } } })
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  note({ id, method, params })
  if (method === 'server/discover') say({ id, result: { ...complete, supportedVersions: ['2026-07-28'], capabilities: { tools: {} } } })
  if (method === 'tools/list') say({ id, result: { ...complete, tools: [{ name: 'get_change', inputSchema: { type: 'object' } }] } })
  if (method === 'subscriptions/listen') {
    listeners.push(id)
    tell(id, 'notifications/subscriptions/acknowledged', { notifications: params.notifications })
  }
  if (method !== 'tools/call') return
  const { end, forge } = params.arguments
  if (end !== undefined) say({ method: 'notifications/cancelled', params: { requestId: listeners[end] } })
  if (forge === 'own') say({ method: 'notifications/cancelled', params: { requestId: id } })
  if (forge === 'unknown') for (const requestId of [9999, String(listeners[0]), null]) say({ method: 'notifications/cancelled', params: { requestId } })
  listeners.forEach((listener, index) => tell(listener, 'notifications/tools/list_changed', { for: index }))
  say({ id, result: { ...complete, content: [] } })
}).on('close', () => note({ method: 'end' }))
`

let folder: string
let gateway: DataPlaneGateway

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modern-stdio-listen-'))
  await writeFile(join(folder, 'server.mjs'), SERVER)
  const args = [join(folder, 'server.mjs'), join(folder, 'heard')]
  const upstream = { kind: 'stdio' as const, command: process.execPath, args, env: new Map(), cwd: null }
  gateway = await startDataPlane({ servers: { notes: { upstream } } })
})
afterEach(async () => {
  await gateway.close()
  await rm(folder, { recursive: true, force: true })
})

async function heard(method: string): Promise<{ id?: number; params: Record<string, unknown> }[]> {
  const text = await readFile(join(folder, 'heard'), 'utf8').catch(() => '')
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line)).filter((message) => message.method === method)
}

async function listenTo(id: string) {
  const params = { notifications: { toolsListChanged: true } }
  const response = await begin(gateway.url('notes'), { method: 'subscriptions/listen', id, params })
  let text = ''
  response.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  response.on('error', () => {})
  await eventually(() => expect(text).toContain('acknowledged'))
  return { response, text: () => text }
}

test('two listeners on one process each hear their own, and one that hangs up is cancelled by name', async () => {
  const first = await listenTo('first')
  const second = await listenTo('second')
  const change = { method: 'tools/call', params: { name: 'get_change', arguments: {} } }
  expect((await ask(gateway.url('notes'), change)).status).toBe(200)
  await eventually(() => expect(first.text()).toContain(`"for":0,"_meta":{"${TAG}":"first"}`))
  await eventually(() => expect(second.text()).toContain(`"for":1,"_meta":{"${TAG}":"second"}`))
  expect(first.text()).not.toContain('"for":1')

  const [own] = await heard('subscriptions/listen')
  first.response.destroy()
  await eventually(async () =>
    expect(await heard('notifications/cancelled')).toMatchObject([{ params: { requestId: own?.id } }]),
  )
  gateway.revoke('alice')
  await eventually(() => expect(second.text()).toContain('"id":"second","result":{"resultType":"complete"'))
  // The process ends with the grant that it worked under, after it was told and had time to read it.
  await eventually(async () => expect(await heard('end')).toHaveLength(1))
  expect(await heard('notifications/cancelled')).toHaveLength(2)
})

const callWith = (args: Record<string, unknown>) =>
  ask(gateway.url('notes'), { method: 'tools/call', params: { name: 'get_change', arguments: args } })

test('a process that ends one subscription by cancelling it ends that one, whatever else is under way', async () => {
  const first = await listenTo('first')
  const second = await listenTo('second')
  expect((await callWith({ end: 0 })).status).toBe(200)
  await eventually(() => expect(first.text()).toContain('"id":"first","result":{"resultType":"complete"'))
  await eventually(() => expect(second.text()).toContain('"for":1'))
  expect(second.text()).not.toContain('"result"')
})

test('a process cannot cancel anything else: a server’s cancellation is of subscriptions only', async () => {
  const first = await listenTo('first')
  const second = await listenTo('second')
  for (const forge of ['own', 'unknown']) {
    expect((await callWith({ forge })).messages).toMatchObject([{ result: { content: [] } }])
  }
  await eventually(() => expect(second.text().split('"for":1')).toHaveLength(3))
  expect(first.text() + second.text()).not.toContain('"result"')
})
