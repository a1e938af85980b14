import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { afterAll, expect, test } from 'vitest'
import { Recorder } from '#audit/exchange/recorder.ts'
import { Recording } from '#audit/exchange/recording.ts'
import { SecretsSeen } from '#audit/exchange/secrets-seen.ts'
import type { Tape } from '#audit/exchange/tape.ts'
import { replayAudit } from '#audit/replay-audit.ts'
import { recordAudit, runAudit } from '#audit/run-audit.ts'
import { runCli } from '#cli/run.ts'
import { type Transcript, transcriptSchema } from '#report/transcript-model.ts'
import { startReference } from '../mutants/reference/start.ts'
import { linesOf, optionsFor } from '../mutants/support/audit-server.ts'
import { startOidcProvider } from '../servers/oidc-provider.ts'
import { startSdkV1 } from '../servers/sdk-v1.ts'
import { startSdkV2 } from '../servers/sdk-v2.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-replay-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const code = await runCli(args, {}, { stdin: Readable.from([]), stdout, stderr, cwd: folder })
  const read = (stream: PassThrough) => String(stream.read() ?? '')
  return { code, out: read(stdout), err: read(stderr) }
}

async function transcriptOf(flaw?: 'pkce-any-verifier'): Promise<Transcript> {
  await using reference = await startReference({ flaw })
  const { transcript } = await recordAudit(optionsFor({ ...reference, isPatient: true }))
  if (transcript === null) throw new Error('it was too much')
  return transcript
}

test('a recording is replayed when the server is long gone: the same grade, the same findings, the same report', async () => {
  const { url, code, out } = await recordedOnCommandLine()
  expect(code).toBe(1)
  const again = await cli('replay', 'audit.json', '--format', 'json')
  expect([again.code, again.err]).toEqual([1, ''])
  expect(JSON.parse(again.out)).toEqual(JSON.parse(out))
  expect(again.out).toContain(url)
  expect((await cli('replay', 'audit.json', '--fail-on', 'never')).code).toBe(0)
  // Whoever may not read the report may not read this either.
  expect(statSync(join(folder, 'audit.json')).mode & 0o777).toBe(0o600)
})

async function recordedOnCommandLine() {
  await using reference = await startReference({ flaw: 'open-tools-list' })
  const { url } = reference
  return { url, ...(await cli(url, '--rps', '0', '--register', '--record', 'audit.json', '--format', 'json')) }
}

test.for([
  { name: 'JWTs', start: () => withProvider('jwt', startSdkV1) },
  { name: 'opaque tokens', start: () => withProvider('opaque', startSdkV2) },
  { name: 'sessions and cookies', start: () => startReference() },
])('a recording of $name holds nothing that opens anything', { timeout: 60_000 }, async ({ start }) => {
  await using server = await start()
  const { url, advance } = server
  const opens = new Set<string>()
  const look = (text: string) => {
    for (const [, secret = ''] of text.matchAll(
      /"(?:access_token|refresh_token|id_token|client_secret|registration_access_token)":"([^"]+)"|[?&]code=([^&"]+)/g,
    ))
      opens.add(secret)
    for (const [, code = ''] of text.matchAll(/[?&]code=([^&"]+)/g)) opens.add(code)
  }
  const secrets = new SecretsSeen([])
  const recording = new Recording(randomBytes(32))
  const tape: Tape = {
    seed: recording.seed,
    answer: async (question, ask) => {
      const seen = await recording.answer(question, ask)
      secrets.learn({ url }, seen.answer)
      look(seen.answer.text)
      for (const [name, value] of seen.answer.headers) {
        if (name.toLowerCase() === 'location') look(value)
        if (name.toLowerCase() === 'set-cookie') opens.add(/=([^;]{8,})/.exec(value)?.[1] ?? '')
        if (name.toLowerCase() === 'mcp-session-id') opens.add(value)
      }
      return seen
    },
    observe: async (question, watch) => {
      const seen = await recording.observe(question, watch)
      look(JSON.stringify(seen))
      return seen
    },
  }
  const options = optionsFor({ url, secondUrl: null, authority: null, advance, isPatient: true })
  const report = await runAudit(options, tape)
  opens.delete('')
  expect(opens.size).toBeGreaterThan(60)
  const transcript = recording.transcript(options, secrets)
  const text = JSON.stringify(transcript)
  expect([...opens].filter((secret) => text.includes(secret))).toEqual([])
  expect((await replayAudit(transcriptSchema.parse(JSON.parse(text)))).grade).toEqual(report.grade)
})

async function withProvider(format: 'jwt' | 'opaque', start: typeof startSdkV1) {
  const authorizationServer = await startOidcProvider(format)
  const server = await start(authorizationServer)
  const { url, advance } = server
  return {
    url,
    advance,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await authorizationServer[Symbol.asyncDispose]()
    },
  }
}

test('tokens and secrets that were given stay out of a recording, wherever the target repeats them', async () => {
  await using reference = await startReference({ flaw: 'token-in-errors' })
  const [token, secret] = ['opaque-given-token-0123456789', 'client-secret-0123456789']
  const { transcript } = await recordAudit({
    ...optionsFor({ ...reference, isPublic: true }),
    isPublic: false,
    mayWrite: false,
    tokens: [token],
    client: { id: 'known', secret, redirectUri: 'http://127.0.0.1/callback' },
  })
  const text = JSON.stringify(transcript)
  for (const one of [token, secret, Buffer.from(`known:${secret}`).toString('base64')]) expect(text).not.toContain(one)
})

test('what a recording has no answer for is not tested, never passed', async () => {
  const transcript = await transcriptOf()
  const without = {
    ...transcript,
    exchanges: transcript.exchanges.filter(({ shown }) => !shown.label.startsWith('pkce.')),
  }
  const report = await replayAudit(without)
  const verdicts = new Set(report.checks.find(({ slug }) => slug === 'pkce')?.probes.map(({ verdict }) => verdict))
  expect(verdicts).toContain('not tested')
  expect(linesOf(report, 'not tested').filter((line) => line.includes('pkce.required'))).toEqual([
    '5 not tested pkce.required: the recording has no answer for pkce.required',
  ])
  await expect(replayAudit({ ...transcript, exchanges: [] })).rejects.toThrow('no answer for discovery')
})

test('the grade is of what was seen: another answer in the recording is another verdict', async () => {
  const transcript = await transcriptOf('pkce-any-verifier')
  const before = await replayAudit(transcript)
  expect([before.grade.letter, before.grade.cappedBy]).toEqual([
    'F',
    ['pkce.wrong-verifier', 'pkce.challenge-as-verifier'],
  ])
  const changed = structuredClone(transcript)
  const refused = changed.bodies.push('{"error":"invalid_grant"}') - 1
  for (const { shown, answer } of changed.exchanges)
    if (shown.label.endsWith('-verifier') && shown.request.url.endsWith('/token'))
      Object.assign(answer, { status: 400, body: refused })
  expect((await replayAudit(changed)).grade.letter).toBe('A')
})

test.for([
  ['no file', null, "can't be read"],
  ['no JSON', 'no json', 'is not the recording of an audit'],
  ['a report', '[]', 'is not the recording of an audit'],
  ['a URL that is a file', { url: 'file:///etc/passwd' }, 'is not the recording of an audit'],
  ['nothing in it', {}, 'does not have what these checks begin with'],
] as const)('%s is told from a recording', async ([, content, message]) => {
  const file = join(folder, 'bad.json')
  rmSync(file, { force: true })
  if (typeof content === 'string') writeFileSync(file, content)
  else if (content !== null) writeFileSync(file, JSON.stringify({ ...EMPTY, given: { ...EMPTY.given, ...content } }))
  const { code, err, out } = await cli('replay', 'bad.json')
  expect([code, out]).toEqual([2, ''])
  expect(err).toContain(message)
})

test('a recording of other checks says so', async () => {
  writeFileSync(join(folder, 'old.json'), JSON.stringify({ ...(await transcriptOf()), rubric: '0.9' }))
  const { code, err } = await cli('replay', 'old.json')
  expect([code, err]).toEqual([0, expect.stringContaining('recorded by the checks 0.9')])
})

test('what is not kept is said, and the audit goes on', async () => {
  expect((await cli('replay')).code).toBe(2)
  expect((await cli('http://127.0.0.1:9/mcp', '--record', 'a.json', '--watch', '1')).code).toBe(2)
  // Nobody there is a recording too.
  expect((await cli('http://127.0.0.1:9/mcp', '--rps', '0', '--record', 'gone.json')).code).toBe(3)
  expect((await cli('replay', 'gone.json')).code).toBe(3)
  expect(JSON.parse(readFileSync(join(folder, 'gone.json'), 'utf8'))).toMatchObject({ kind: 'transcript' })
})

test('a target that sends without end is audited and not recorded', async () => {
  const recording = new Recording(randomBytes(32))
  const options = { ...optionsFor({ url: 'http://127.0.0.1:9/mcp', secondUrl: null, authority: null }), tokens: [] }
  const { startedAt } = options
  const recorder = new Recorder({
    target: new URL(options.url),
    requestsPerSecond: 0,
    timeoutMs: 100,
    authority: null,
    tokens: [],
    startedAt,
    tape: recording,
  })
  const send = async (text: string) => {
    const { answer, exchange } = await recording.answer({ label: 'a', what: 'GET a' }, async () => ({
      answer: {
        status: 200,
        headers: [['Set-Cookie', 'sid=cookie-value-1; HttpOnly']],
        text,
        isCut: true,
        failure: null,
        durationMs: 1,
        tlsVersion: null,
      },
      exchange: EXCHANGE,
    }))
    return [answer.status, exchange.number]
  }
  const half = 'a'.repeat(512 * 1024)
  for (let count = 0; count < 31; count += 1) await send(`${half}${count}`)
  // The same text is kept once, however often it comes.
  for (let count = 0; count < 9; count += 1) await send(`${half}0`)
  const transcript = recording.transcript(options, recorder.secrets)
  expect(transcript?.exchanges.map(({ answer }) => answer.headers[0])).toEqual(
    Array(40).fill(['Set-Cookie', expect.stringMatching(/^sid=sallyport-stand-in-[0-9a-f]{16}; HttpOnly$/)]),
  )
  for (let count = 31; count < 34; count += 1) expect(await send(`${half}${count}`)).toEqual([200, 1])
  expect(recording.transcript(options, recorder.secrets)).toBe(null)
})

const EXCHANGE: Transcript['exchanges'][number]['shown'] = {
  number: 1,
  label: 'a',
  request: { method: 'GET', url: 'a', headers: [], body: null },
  response: null,
  failure: 'timeout',
  atMs: 0,
  durationMs: 0,
}

const EMPTY: Transcript = {
  kind: 'transcript',
  transcriptVersion: '1.0',
  rubric: '1.0',
  tool: { name: 'sallyport-audit', version: '0' },
  startedAt: '2026-11-27T12:00:00.000Z',
  seed: 'A'.repeat(43),
  given: {
    url: 'http://127.0.0.1:9/mcp',
    isPublic: false,
    mayWrite: false,
    people: [],
    tokens: [],
    devices: 0,
    client: null,
    otherResource: null,
    foreignTokens: [],
    safeCalls: [],
    upstream: false,
    patienceSeconds: 0,
  },
  exchanges: [],
  observations: [],
  bodies: [],
}
