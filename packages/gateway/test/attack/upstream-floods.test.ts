import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { eventually } from '../support/eventually.ts'
import { BASE_HEADERS, openRawSession, send } from '../support/raw-client.ts'
import { type Script, type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

let gateway: DataPlaneGateway | undefined
let upstream: ScriptedUpstream | undefined
afterEach(async () => {
  await gateway?.close()
  await upstream?.close()
})

async function startHttp(script: Script, onGet?: Script) {
  upstream = await startScriptedUpstream(script, onGet)
  const entry = { kind: 'http' as const, url: upstream.url, headers: new Map(), network: 'loopback' as const }
  gateway = await startDataPlane({ servers: { notes: { upstream: entry } } })
  return { gateway, upstream }
}

/** A stdio server in a few lines: answers `initialize`, then does what the script says. */
async function startStdio(
  script: string,
  limits: Parameters<typeof startDataPlane>[0]['limits'] = {},
  env: ReadonlyMap<string, string> = new Map(),
) {
  const program = `
    const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
    const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 's', version: '1' } }
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const { id, method } = JSON.parse(line)
      if (method === 'initialize') say({ id, result })
      else if (method === 'ping') say({ id, result: {} })
      else if (method === 'notifications/initialized') { ${script} }
    })`
  const upstreamSpec = {
    kind: 'stdio' as const,
    command: process.execPath,
    args: ['-e', program],
    env,
    cwd: null,
  }
  gateway = await startDataPlane({ servers: { files: { upstream: upstreamSpec } }, limits })
  return gateway
}

const PING = { jsonrpc: '2.0', id: 'ping', method: 'ping' }

describe('an upstream that floods', () => {
  test('requests that the client never said it takes: bounded records, one of them says why', async () => {
    const gateway = await startStdio(
      `for (let n = 1; n <= 900; n += 1) say({ id: n, method: 'sampling/createMessage', params: {} })`,
    )
    const session = await openRawSession(gateway.url('files'), 'token-alice')
    await eventually(() => expect(gateway.records.some(({ reason }) => reason === 'serverRequestFlood')).toBe(true))
    expect((await session.post(PING)).messages[0]).toHaveProperty('result')
    const asked = gateway.records.filter(({ detail }) => detail?.['direction'] === 'toClient')
    expect(asked.length).toBeLessThanOrEqual(241)
    expect(asked.filter(({ reason }) => reason === 'serverRequestFlood')).toHaveLength(1)
  })

  test('answers to requests that nobody made: dropped, and said in the log a bounded number of times', async () => {
    const gateway = await startStdio(`for (let n = 1000; n < 1900; n += 1) say({ id: n, result: {} })`)
    const session = await openRawSession(gateway.url('files'), 'token-alice')
    expect((await session.post(PING)).messages[0]).toHaveProperty('result')
    const said = gateway.logged.filter(({ message }) => message.includes('not open'))
    expect(said.length).toBeGreaterThan(0)
    expect(said.length).toBeLessThanOrEqual(60)
    expect(said[0]?.fields).toMatchObject({ server: 'files' })
    expect(gateway.logged.filter(({ message }) => message.includes('left out'))).toHaveLength(1)
  })

  test('lines that are no protocol between lines that are: bounded log', async () => {
    const gateway = await startStdio(
      `for (let n = 0; n < 400; n += 1) { process.stdout.write('junk\\n'); say({ method: 'notifications/x' }) }`,
    )
    const session = await openRawSession(gateway.url('files'), 'token-alice')
    expect((await session.post(PING)).messages[0]).toHaveProperty('result')
    expect(gateway.logged.filter(({ message }) => message.includes('no JSON-RPC')).length).toBeLessThanOrEqual(60)
  })

  test('pings without ever reading an answer: answers do not pile up', async () => {
    const gateway = await startStdio(
      `process.stdin.pause(); for (let n = 1; n <= 900; n += 1) say({ id: 'x'.repeat(900) + n, method: 'ping' })`,
      { stdinBytesMax: 1_000 },
    )
    const session = await openRawSession(gateway.url('files'), 'token-alice')
    await eventually(() =>
      expect(gateway.logged.some(({ message }) => message.includes('faster than it reads'))).toBe(true),
    )
    expect((await send(gateway.url('files'), 'DELETE', session.headers)).status).toBe(204)
  })

  test('a standing stream that says "come back at once" after every event is not hammered', async () => {
    const { gateway, upstream } = await startHttp(
      () => false,
      ({ response }) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.end('retry: 0\nid: 1\ndata: {"jsonrpc":"2.0","method":"notifications/x"}\n\n')
        return true
      },
    )
    await openRawSession(gateway.url('notes'), 'token-alice')
    await eventually(() => expect(upstream.seen.some(({ method }) => method === 'GET')).toBe(true))
    await sleep(1_000)
    expect(upstream.seen.filter(({ method }) => method === 'GET').length).toBeLessThanOrEqual(15)
  })

  test('empty data lines without end are given up on, not collected', async () => {
    const { gateway } = await startHttp(({ body, response }) => {
      if (body['method'] !== 'ping') return false
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const lines = 'data:\n'.repeat(10_000)
      const timer = setInterval(() => {
        for (let n = 0; n < 20; n += 1) response.write(lines)
      }, 1)
      response.on('close', () => clearInterval(timer))
      return true
    })
    const session = await openRawSession(gateway.url('notes'), 'token-alice')
    const answer = await session.post(PING)
    expect(answer.messages[0]).toMatchObject({ error: { code: -32603 } })
    expect(gateway.records.at(-1)).toMatchObject({ activity: 'call.outcome', reason: 'streamMalformed' })
  })
})

describe('what an upstream leaves behind', () => {
  const openPipes = () =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return /^(?:pipe|socket):/.test(readlinkSync(`/proc/self/fd/${fd}`))
      } catch {
        return false
      }
    }).length

  test('a process that left its group and holds the pipes costs the gateway no descriptors', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'floods-'))
    const pidFile = join(folder, 'pids')
    const gateway = await startStdio(
      `
      const { spawn } = require('node:child_process')
      const { pid } = spawn('sleep', ['30'], { detached: true, stdio: 'inherit' })
      require('node:fs').appendFileSync(process.env.PIDS, pid + '\\n')`,
      {},
      new Map([['PIDS', pidFile]]),
    )
    const round = async () => {
      const session = await openRawSession(gateway.url('files'), 'token-alice')
      await session.post(PING)
      await send(gateway.url('files'), 'DELETE', session.headers)
    }
    try {
      await round()
      await sleep(100)
      const before = openPipes()
      for (let n = 0; n < 4; n += 1) await round()
      await eventually(() => expect(openPipes()).toBeLessThanOrEqual(before))
    } finally {
      for (const pid of readFileSync(pidFile, 'utf8').split('\n').filter(Boolean)) {
        try {
          process.kill(Number(pid), 'SIGKILL')
        } catch {
          // It has ended by itself.
        }
      }
      rmSync(folder, { recursive: true })
    }
  })

  test('a machine that cannot make room for a child: unavailable, one record, no details', async () => {
    const gateway = await startStdio('')
    await sleep(50)
    writeFileSync(join(gateway.stateDir, 'run'), 'in the way')
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } }
    const answer = await send(
      gateway.url('files'),
      'POST',
      { ...BASE_HEADERS, authorization: 'Bearer token-alice' },
      { jsonrpc: '2.0', id: 1, method: 'initialize', params },
    )
    expect(answer.messages[0]).toMatchObject({ id: 1, error: { code: -32603 } })
    expect(answer.text).not.toContain(gateway.stateDir)
    expect(gateway.records.filter(({ outcome }) => outcome === 'refused')).toMatchObject([
      { activity: 'request.refused', reason: 'upstreamUnavailable: openFailed' },
    ])
  })
})
