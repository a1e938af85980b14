import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { eventually } from '../support/eventually.ts'
import { ask, begin, type ModernAsk } from '../support/modern.ts'
import { openRawSession } from '../support/raw-client.ts'

/** Of both eras. After its first `get_stuck` it reads nothing until a file is there, then everything, and notes what it hears. */
const SERVER = `
import { appendFileSync, existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
const complete = { resultType: 'complete' }
const tools = [{ name: 'get_stuck', inputSchema: { type: 'object' } }]
const initialized = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } }
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  appendFileSync(process.argv[2] + '/heard', JSON.stringify({ method, number: params?.arguments?.number }) + '\\n')
  if (method === 'server/discover') say(process.argv[3] === 'modern' ? { id, result: { ...complete, supportedVersions: ['2026-07-28'], capabilities: { tools: {} } } } : { id, error: { code: -32601, message: 'no' } })
  if (method === 'initialize') say({ id, result: initialized })
  if (method === 'tools/list') say({ id, result: { ...complete, tools } })
  if (method !== 'tools/call' || existsSync(process.argv[2] + '/go')) return
  const cell = new Int32Array(new SharedArrayBuffer(4))
  while (!existsSync(process.argv[2] + '/go')) Atomics.wait(cell, 0, 0, 20)
})
`

let folder: string
let gateway: DataPlaneGateway | undefined
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stops-reading-'))
  await writeFile(join(folder, 'server.mjs'), SERVER)
})
afterEach(async () => {
  await writeFile(join(folder, 'go'), '')
  await gateway?.close()
  gateway = undefined
  await rm(folder, { recursive: true, force: true })
})

async function start(era: 'modern' | 'legacy', callTimeoutSeconds: number, callsInFlightMax = 4) {
  const args = [join(folder, 'server.mjs'), folder, era]
  const upstream = { kind: 'stdio' as const, command: process.execPath, args, env: new Map(), cwd: null }
  gateway = await startDataPlane({
    servers: { notes: { upstream, limits: { callTimeoutSeconds } } },
    limits: { stdinBytesMax: 1_000, callsInFlightMax, streamOpensAfterMs: 50 },
  })
  return { gateway, url: gateway.url('notes') }
}

async function heard(): Promise<{ method: string; number?: number }[]> {
  const text = await readFile(join(folder, 'heard'), 'utf8').catch(() => '')
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
}

/** More than a pipe and its bound hold. */
const FILLER = 'x'.repeat(300_000)
const argumentsOf = (number: number) => ({ number, filler: FILLER })
const call = (number: number): ModernAsk => ({
  method: 'tools/call',
  id: number,
  params: { name: 'get_stuck', arguments: argumentsOf(number) },
})
const numbers = async () => (await heard()).flatMap(({ method, number }) => (method === 'tools/call' ? [number] : []))

describe('a process that stops reading', () => {
  test('holds no call beyond its time, and never hears of one that waited for it', async () => {
    const { url } = await start('modern', 2)
    const [first, second, third] = await Promise.all([ask(url, call(1)), ask(url, call(2)), ask(url, call(3))])
    for (const { messages } of [first, second, third]) {
      expect(messages.at(-1)?.['error']).toMatchObject({ message: expect.stringContaining('in time') })
    }
    await writeFile(join(folder, 'go'), '')
    await expectNeverHeard(3, () => ask(url, call(4)))
  })

  test('holds no place of a call whose client hung up, and never hears of it', async () => {
    const { gateway, url } = await start('modern', 20, 3)
    const standing: IncomingMessage[] = []
    const stand = async (number: number) => {
      const response = await begin(url, call(number))
      expect(response.statusCode).toBe(200)
      response.on('error', () => {})
      standing.push(response)
      return response
    }
    await stand(1)
    await eventually(async () => expect(await numbers()).toEqual([1]))
    await stand(2)
    const third = await stand(3)
    expect((await ask(url, call(4))).status).toBe(429)
    third.destroy()
    await eventually(() => expect(gateway.records.at(-1)?.reason).toBe('cancelledByClient'))
    await stand(4)
    await writeFile(join(folder, 'go'), '')
    await eventually(async () => expect(await numbers()).toEqual([1, 2, 4]))
    for (const response of standing) response.destroy()
  })

  test('in the older era too', async () => {
    const { url } = await start('legacy', 2)
    const session = await openRawSession(url, 'token-alice')
    const answers = await Promise.all([1, 2, 3].map((number) => session.call(number, 'get_stuck', argumentsOf(number))))
    for (const { messages } of answers) {
      expect(messages.at(-1)?.['error']).toMatchObject({ message: expect.stringContaining('in time') })
    }
    await writeFile(join(folder, 'go'), '')
    await expectNeverHeard(3, () => session.call(4, 'get_stuck', argumentsOf(4)))
  })
})

/** What comes later is heard, so what was to come before never will be. */
async function expectNeverHeard(number: number, callLater: () => Promise<unknown>): Promise<void> {
  const later = callLater()
  await eventually(async () => expect(await numbers()).toContain(4))
  expect(await numbers()).not.toContain(number)
  await later
}
