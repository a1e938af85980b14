import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openNotebook } from './notebook.ts'
import { type Serving, serveHttp } from './serve-http.ts'

const TOKEN = 'example-credential'
let serving: Serving
const clients: Client[] = []

beforeEach(async () => {
  serving = await serveHttp({ notebook: await openNotebook(null), port: 0, token: TOKEN })
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  await serving.close()
})

async function connect(capabilities = {}): Promise<{ client: Client; transport: StreamableHTTPClientTransport }> {
  const transport = new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${serving.port}/mcp`), {
    requestInit: { headers: { Authorization: `Bearer ${TOKEN}` } },
  })
  const client = new Client({ name: 'test', version: '1.0.0' }, { capabilities })
  // The SDK's own transport: it differs from `Transport` only in how it spells optional handlers.
  await client.connect(transport as Parameters<Client['connect']>[0])
  clients.push(client)
  return { client, transport }
}

async function text(client: Client, name: string, args: Record<string, unknown> = {}): Promise<string> {
  const result = await client.callTool({ name, arguments: args })
  const [first] = result.content as { text: string }[] // every tool here answers with one text
  return first?.text ?? ''
}

const idIn = (words: string) => words.split(' ').at(-1) ?? ''

test('notes are added, listed, searched and deleted', async () => {
  const { client } = await connect()
  const id = idIn(await text(client, 'add_note', { title: 'Milk', text: 'two bottles' }))
  await text(client, 'add_note', { title: 'Bread', text: '' })
  expect(JSON.parse(await text(client, 'list_notes'))).toHaveLength(2)
  expect(JSON.parse(await text(client, 'search_notes', { query: 'BOTTLE' }))).toEqual([
    { id, title: 'Milk', text: 'two bottles' },
  ])
  expect(await text(client, 'delete_note', { id })).toBe(`deleted note ${id}`)
  expect((await client.callTool({ name: 'delete_note', arguments: { id } })).isError).toBe(true)
})

test('another session hears of a new note, reads it, and hears when the one it subscribed to goes', async () => {
  const { client: writer } = await connect()
  const { client: reader } = await connect()
  const heard: string[] = []
  reader.setNotificationHandler(ResourceListChangedNotificationSchema, () => void heard.push('list'))
  reader.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void heard.push(params.uri))
  const uri = `notes://${idIn(await text(writer, 'add_note', { title: 'Milk', text: 'two bottles' }))}`
  await expect.poll(() => heard).toEqual(['list'])
  expect((await reader.listResources()).resources).toEqual([
    { uri, name: 'Milk', mimeType: 'text/plain', title: 'Note' },
  ])
  expect((await reader.readResource({ uri })).contents).toEqual([
    { uri, mimeType: 'text/plain', text: 'Milk\n\ntwo bottles' },
  ])
  await reader.subscribeResource({ uri })
  await text(writer, 'delete_note', { id: uri.slice('notes://'.length) })
  await expect.poll(() => heard).toEqual(['list', 'list', uri])
  await expect(reader.readResource({ uri })).rejects.toMatchObject({ code: -32002 })
})

test('clearing asks the person, and does nothing unless the answer is yes', async () => {
  const { client: mute } = await connect()
  await text(mute, 'add_note', { title: 'Milk', text: '' })
  expect((await mute.callTool({ name: 'clear_notes' })).isError).toBe(true)

  const { client } = await connect({ elicitation: {} })
  const answers = [
    { action: 'decline' as const },
    { action: 'accept' as const, content: { confirm: false } },
    { action: 'accept' as const, content: { confirm: true } },
  ]
  client.setRequestHandler(ElicitRequestSchema, () => answers.shift() ?? { action: 'cancel' as const })
  expect(await text(client, 'clear_notes')).toBe('nothing was deleted')
  expect(await text(client, 'clear_notes')).toBe('nothing was deleted')
  expect(await text(client, 'clear_notes')).toBe('deleted 1 notes')
})

test('an import reports its progress, a check logs what it finds at the level that was asked for', async () => {
  const { client } = await connect()
  const progress: number[] = []
  const params = { name: 'import_notes', arguments: { lines: ['a', 'b', 'c'] } }
  await client.callTool(params, undefined, { onprogress: (step) => void progress.push(step.progress) })
  expect(progress).toEqual([1, 2, 3])

  const logged: unknown[] = []
  client.setNotificationHandler(LoggingMessageNotificationSchema, (message) => void logged.push(message.params.level))
  await client.setLoggingLevel('error')
  await text(client, 'check_notes')
  await client.setLoggingLevel('info')
  expect(await text(client, 'check_notes')).toBe('3 of 3 notes have no text')
  await expect.poll(() => logged).toEqual(['warning', 'warning', 'warning'])
})

test('the prompt holds the notes, and ids complete', async () => {
  const { client } = await connect()
  const id = idIn(await text(client, 'add_note', { title: 'Milk', text: 'two bottles' }))
  const { messages } = await client.getPrompt({ name: 'summarize_notes' })
  expect(JSON.stringify(messages)).toContain('Milk: two bottles')
  const argument = { name: 'id', value: id.slice(0, 4) }
  const ref = { type: 'ref/resource' as const, uri: 'notes://{id}' }
  expect((await client.complete({ ref, argument })).completion.values).toEqual([id])
})

test('a session ends with DELETE, and is unknown afterwards', async () => {
  const { client, transport } = await connect()
  const session = transport.sessionId ?? ''
  await transport.terminateSession()
  await client.close()
  expect(await post({ 'mcp-session-id': session })).toBe(404)
})

test.each<[string, Record<string, string>, number]>([
  ['no credential', { authorization: '' }, 401],
  ['a wrong credential', { authorization: 'Bearer example-credentials' }, 401],
  ['the credential under another scheme', { authorization: `Basic ${TOKEN}` }, 401],
  ['a name that was rebound to this address', { host: 'attacker.example' }, 421],
  ['a page of another origin', { origin: 'https://attacker.example' }, 403],
  ['a page of an origin that only begins like ours', { origin: 'http://localhost.attacker.example' }, 403],
  ['an unknown session', { 'mcp-session-id': 'made-up' }, 404],
])('%s is refused', async (_title, headers, status) => {
  expect(await post(headers)).toBe(status)
})

/** `fetch` does not let its caller set Host or Origin. Answers the status. */
async function post(headers: Record<string, string>): Promise<number | undefined> {
  const all = {
    authorization: `Bearer ${TOKEN}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...headers,
  }
  const sent = request({ host: '127.0.0.1', port: serving.port, path: '/mcp', method: 'POST', headers: all })
  sent.end('{"jsonrpc":"2.0","id":1,"method":"ping"}')
  const [response] = await once(sent, 'response')
  response.resume()
  return response.statusCode
}

test('a file keeps the notes, and a damaged one is not overwritten', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-notes-'))
  try {
    const file = join(folder, 'notes.json')
    const first = await openNotebook(file)
    await Promise.all(['a', 'b', 'c'].map((title) => first.add(title, '')))
    expect((await openNotebook(file)).list().map((note) => note.title)).toEqual(['a', 'b', 'c'])
    writeFileSync(file, '{"not":"a notebook"')
    await expect(openNotebook(file)).rejects.toThrow('reading the notebook')
    expect(readFileSync(file, 'utf8')).toBe('{"not":"a notebook"')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.each(['stdin', 'SIGTERM', 'SIGINT'] as const)('the process ends with %s', async (how) => {
  const main = new URL('./main.ts', import.meta.url).pathname
  const child = spawn(process.execPath, ['--conditions=sallyport-source', main, '--exit-with-parent'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [line] = await once(child.stdout, 'data')
  expect(String(line)).toMatch(/^notes: http:\/\/127\.0\.0\.1:\d+\/mcp\n$/)
  const exited = once(child, 'exit')
  if (how === 'stdin') child.stdin.end()
  else child.kill(how)
  expect(await exited).toEqual([0, null])
})
