import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '#core/clock.ts'
import { asServerId, asSubjectId, asTenantId } from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import type { StdioUpstream } from '#core/snapshot.ts'
import type { JsonRpcMessage } from '#wire/jsonrpc/message.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { DATA_PLANE_LIMITS, type DataPlaneLimits } from '../limits.ts'
import type { UpstreamConnection } from './connection.ts'
import { ProcessGroups } from './process-group.ts'
import { openStdio } from './stdio.ts'

const owner = { tenant: asTenantId('default'), subject: asSubjectId('subject-1'), server: asServerId('files') }
let stateDir: string
let groups: ProcessGroups
let messages: JsonRpcMessage[]
let closed: string[]
let logged: unknown[]
let open: UpstreamConnection[]

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'stdio-'))
  groups = new ProcessGroups(300)
  messages = []
  closed = []
  logged = []
  open = []
})

afterEach(async () => {
  await Promise.all(open.map((connection) => connection.close()))
  await rm(stateDir, { recursive: true, force: true })
})

const log: Log = {
  debug: () => {},
  info: (_message, fields) => logged.push(fields?.['text']),
  warn: () => {},
  error: () => {},
}

async function start(script: string, limits: Partial<DataPlaneLimits> = {}, env: [string, string][] = []) {
  const spec: StdioUpstream = {
    kind: 'stdio',
    command: process.execPath,
    args: ['-e', script],
    env: new Map(env),
    cwd: null,
  }
  const host = {
    stateDir,
    searchPath: '/usr/bin:/bin',
    groups,
    limits: { ...DATA_PLANE_LIMITS, ...limits },
    clock: systemClock,
    log,
  }
  const opened = await openStdio(spec, owner, host, {
    onMessage: (message) => messages.push(message),
    onLost: () => {},
    onClosed: (reason) => closed.push(reason),
  })
  if (!opened.ok) throw new Error(opened.refusal.reason)
  open.push(opened.value)
  return opened.value
}

const note = (data: unknown) =>
  `console.log(JSON.stringify({jsonrpc:'2.0',method:'n',params:{data:${JSON.stringify(data)}}}))`
const said = () => messages.map((message) => (message.kind === 'notification' ? message.params?.['data'] : null))

/** A process that ended but that nobody has reaped yet (state Z) does not run. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z')
}

describe('a stdio upstream', () => {
  test('lines go both ways', async () => {
    const connection = await start(
      `require('readline').createInterface({input:process.stdin}).on('line',l=>console.log(JSON.stringify({jsonrpc:'2.0',id:JSON.parse(l).id,result:{}})))`,
    )
    expect(await connection.send({ jsonrpc: '2.0', id: 41, method: 'x' })).toEqual({ ok: true, value: undefined })
    await eventually(() => expect(messages).toMatchObject([{ kind: 'response', id: 41 }]))
  })

  test('sees PATH, a private home and its own settings; nothing of the environment of the gateway', async () => {
    process.env['SALLYPORT_TEST_SENTINEL'] = 'must-not-be-seen'
    await start(`console.log(JSON.stringify({jsonrpc:'2.0',method:'n',params:{data:process.env}}))`, {}, [
      ['FILE', '${userDir}/f'],
    ])
    await eventually(() => expect(messages).toHaveLength(1))
    delete process.env['SALLYPORT_TEST_SENTINEL']
    const seen = said()[0] as Record<string, string>
    expect(Object.keys(seen).sort()).toEqual(['FILE', 'HOME', 'PATH', 'TMPDIR'])
    expect(seen['FILE']).toBe(join(stateDir, 'users/default/subject-1/files/f'))
    expect(seen['HOME']).toMatch(/\/run\/child-/)
    const folder = await stat(join(stateDir, 'users/default/subject-1/files'))
    expect(folder.mode & 0o777).toBe(0o700)
  })

  test('its private home is gone when it is', async () => {
    const connection = await start('setInterval(()=>{},1000)')
    expect(await readdir(join(stateDir, 'run'))).toHaveLength(1)
    await connection.close()
    expect(await readdir(join(stateDir, 'run'))).toHaveLength(0)
  })

  test('a child that is closed reads what was written to it and leaves by itself', async () => {
    const connection = await start(
      `let all='';const write=require('fs').writeFileSync;
      process.on('SIGTERM',()=>process.exit(1));console.log('{"jsonrpc":"2.0","method":"up"}')
      process.stdin.on('data',(chunk)=>{all+=chunk}).on('end',()=>setTimeout(()=>write(process.env.OUT,all),100))`,
      {},
      [['OUT', '${userDir}/out']],
    )
    await eventually(() => expect(messages).toHaveLength(1))
    await connection.send({ jsonrpc: '2.0', method: 'last' })
    await connection.close()
    const written = await readFile(join(stateDir, 'users/default/subject-1/files/out'), 'utf8')
    expect(written).toBe('{"jsonrpc":"2.0","method":"last"}\n')
  })

  test('closing ends a child that ignores SIGTERM, and what it started', async () => {
    const script = `process.on('SIGTERM',()=>{});const c=require('child_process').spawn(process.execPath,['-e','setInterval(()=>{},1000)']);
      console.log(JSON.stringify({jsonrpc:'2.0',method:'n',params:{data:[process.pid,c.pid]}}));setInterval(()=>{},1000)`
    const connection = await start(script)
    await eventually(() => expect(messages).toHaveLength(1))
    await connection.close()
    await eventually(() => {
      for (const pid of said()[0] as number[]) expect(isRunning(pid)).toBe(false)
    })
    expect(groups.size).toBe(0)
  })

  test('what a child that ended by itself left running is ended too', async () => {
    const script = `const c=require('child_process').spawn(process.execPath,['-e','process.on("SIGTERM",()=>{});setInterval(()=>{},1000)'],{stdio:'ignore'});
      console.log(JSON.stringify({jsonrpc:'2.0',method:'n',params:{data:c.pid}}));setTimeout(()=>process.exit(0),100)`
    await start(script)
    await eventually(() => expect(closed).toHaveLength(1))
    await eventually(() => expect(isRunning(Number(said()[0]))).toBe(false))
  })

  test('a crash is told once', async () => {
    await start(`${note('last words')};process.exit(3)`)
    await eventually(() => expect(closed).toHaveLength(1))
    expect(said()).toEqual(['last words'])
  })

  test('what it started in another process group ends with its session, and nothing of other sessions does', async () => {
    const runaway = `const { spawn } = require('node:child_process')
      const { pid } = spawn(process.execPath, ['-e', 'setInterval(Object, 1e6)'], { detached: true, stdio: 'ignore' })
      console.log(JSON.stringify({ jsonrpc: '2.0', method: 'n', params: { pid } }));setInterval(Object, 1e6)`
    const [first, second] = [await start(runaway), await start(runaway)]
    await eventually(() => expect(messages).toHaveLength(2))
    const pids = messages.map((message) => Number((message.object['params'] as { pid: number }).pid))
    const alive = () => pids.filter((pid) => isAlive(pid)).length
    expect(alive()).toBe(2)
    await first.close()
    // Killed is not yet gone.
    await eventually(() => expect(alive()).toBe(1))
    await second.close()
    await eventually(() => expect(alive()).toBe(0))
  })

  test('a program that does not exist is a failure, not a throw', async () => {
    const spec: StdioUpstream = { kind: 'stdio', command: 'no-such-program', args: [], env: new Map(), cwd: null }
    const host = { stateDir, searchPath: '/usr/bin', groups, limits: DATA_PLANE_LIMITS, clock: systemClock, log }
    const events = { onMessage: () => {}, onLost: () => {}, onClosed: () => {} }
    expect(await openStdio(spec, owner, host, events)).toEqual({ ok: false, refusal: { reason: 'spawnFailed' } })
    expect(await readdir(join(stateDir, 'run'))).toHaveLength(0)
  })

  test('lines that are no message are dropped; too many in a row end the connection', async () => {
    await start(`console.log('banner');${note(1)};console.log('{"jsonrpc":"1.0"}');${note(2)}`)
    await eventually(() => expect(said()).toEqual([1, 2]))
    await start(`for(let i=0;i<9;i++)console.log('noise');setInterval(()=>{},1000)`, { junkLinesMax: 8 })
    await eventually(() => expect(closed).toContain('stdoutNotProtocol'))
  })

  test('a line above the bound ends the connection', async () => {
    await start(`console.log('x'.repeat(2000));setInterval(()=>{},1000)`, { lineBytesMax: 1000 })
    await eventually(() => expect(closed).toEqual(['lineTooLong']))
  })

  test('a flood of lines is slowed, not lost', async () => {
    await start(`for(let i=0;i<30;i++)${note(7)};setInterval(()=>{},1000)`, { linesPerSecondMax: 20 })
    await eventually(() => expect(messages.length).toBe(20))
    await eventually(() => expect(messages.length).toBe(30))
    expect(closed).toEqual([])
  })

  test('while paused nothing is delivered, and nothing is lost', async () => {
    const connection = await start(`setInterval(()=>{${note(1)}},5)`)
    connection.pause()
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(messages).toHaveLength(0)
    connection.resume()
    await eventually(() => expect(messages.length).toBeGreaterThan(3))
  })

  test('a child that does not read makes senders wait', async () => {
    const connection = await start('setInterval(()=>{},1000)', { stdinBytesMax: 100_000 })
    const big = { jsonrpc: '2.0', method: 'n', params: { data: 'x'.repeat(300_000) } }
    await connection.send(big)
    const second = connection.send(big).then(() => 'sent')
    const waited = new Promise((resolve) => setTimeout(() => resolve('waiting'), 100))
    expect(await Promise.race([second, waited])).toBe('waiting')
  })

  test('stderr reaches the log without secrets', async () => {
    await start(`console.error('Authorization: Bearer abcdefghijklmnopqrstuvwxyz0123456789');setInterval(()=>{},1000)`)
    await eventually(() => expect(logged).toHaveLength(1))
    expect(String(logged[0])).toContain('Authorization')
    expect(String(logged[0])).not.toContain('abcdefghijklmnopqrstuvwxyz')
  })
})

/** A zombie that nobody has waited for yet does nothing any more. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z')
}
