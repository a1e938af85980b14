import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { asServerId, asSubjectId, DEFAULT_TENANT } from '#core/ids.ts'
import { userDirectory } from '#data-plane/upstream/child-environment.ts'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { ask, type ModernAsk } from '../support/modern.ts'

/** A modern server that stumbles over what lies in its user's folder before it says what it is. */
const SERVER = `
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
const [, , folder] = process.argv
if (existsSync(folder + '/exits')) process.exit(1)
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
const complete = { resultType: 'complete' }
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line)
  if (existsSync(folder + '/fails')) say({ id, error: { code: -32603, message: 'bad folder' } })
  else if (existsSync(folder + '/hangs')) return
  else if (method === 'server/discover') say({ id, result: { ...complete, supportedVersions: ['2026-07-28'], capabilities: { tools: {} } } })
  else if (method === 'tools/list') say({ id, result: { ...complete, tools: [{ name: 'get_it', inputSchema: { type: 'object' } }] } })
  else if (method === 'tools/call') say({ id, result: { ...complete, content: [] } })
})
`

let folder: string
let gateway: DataPlaneGateway
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'era-of-one-'))
  await writeFile(join(folder, 'server.mjs'), SERVER)
  const args = [join(folder, 'server.mjs'), '${userDir}']
  const upstream = { kind: 'stdio' as const, command: process.execPath, args, env: new Map(), cwd: null }
  gateway = await startDataPlane({ servers: { notes: { upstream } } })
})
afterEach(async () => {
  await gateway.close()
  await rm(folder, { recursive: true, force: true })
})

const CALL: ModernAsk = { method: 'tools/call', params: { name: 'get_it', arguments: {} } }
const call = (token: string) => ask(gateway.url('notes'), { ...CALL, token })

describe('a user who makes their own process fail before it says its era', () => {
  test.each(['exits', 'fails', 'hangs'])('it %s: nobody else is told that the server is of another', async (how) => {
    const owner = { tenant: DEFAULT_TENANT, subject: asSubjectId('mallory'), server: asServerId('notes') }
    const mine = userDirectory(gateway.stateDir, owner)
    if (!mine.ok) throw new Error(mine.refusal)
    await mkdir(mine.value, { recursive: true })
    await writeFile(join(mine.value, how), '')
    const { messages } = await call('token-mallory')
    expect(messages[0]?.['error']).toMatchObject({ code: -32022 })
    const [bobs] = await Promise.all([call('token-bob'), rm(join(mine.value, how))])
    expect(bobs).toMatchObject({ status: 200, messages: [{ result: { resultType: 'complete' } }] })
    // What one process says of the era that it speaks holds for all of them.
    expect((await call('token-mallory')).status).toBe(200)
  })
})
