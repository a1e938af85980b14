import { afterEach, expect, test } from 'vitest'
import { Secret } from '#core/secret.ts'
import { startDataPlane } from '../support/data-plane.ts'
import { eventually } from '../support/eventually.ts'
import { ask, begin } from '../support/modern.ts'
import { type ModernScript, startModernUpstream } from '../support/modern-upstream.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

const CREDENTIAL = 'upstream-credential-1234567890'

async function start(script: ModernScript) {
  const upstream = await startModernUpstream(script)
  const headers = new Map([['authorization', new Secret(CREDENTIAL)]])
  const entry = { kind: 'http' as const, url: upstream.url, headers, network: 'loopback' as const }
  const gateway = await startDataPlane({
    servers: { notes: { upstream: entry } },
    limits: { logLinesPerMinuteMax: 10 },
  })
  closers.push(gateway.close, upstream.close)
  return {
    url: gateway.url('notes'),
    said: () => gateway.logged.filter(({ message }) => message.includes('own credential')),
  }
}

const LEAK = { level: 'info', data: CREDENTIAL }

test('an upstream that gives its credential away in message after message fills no log, and nobody hears it', async () => {
  const { url, said } = await start(({ body, sse, response }) => {
    if (body['method'] !== 'tools/call') return false
    const emit = sse()
    for (let count = 0; count < 200; count += 1) emit({ method: 'notifications/message', params: LEAK })
    emit({ id: body['id'], result: { resultType: 'complete', content: [] } })
    response.end()
    return true
  })
  const meta = { 'io.modelcontextprotocol/logLevel': 'debug' }
  const call = { method: 'tools/call', params: { name: 'get_thing', arguments: {} }, meta }
  for (let round = 0; round < 2; round += 1) {
    const { text } = await ask(url, call)
    expect(text).toContain('"complete"')
    expect(text).not.toContain(CREDENTIAL)
  }
  expect(said()).toHaveLength(10)
})

test('the same for who listens', async () => {
  const { url, said } = await start(({ body, params, sse }) => {
    if (body['method'] !== 'subscriptions/listen') return false
    const emit = sse()
    emit({ method: 'notifications/subscriptions/acknowledged', params: { notifications: params['notifications'] } })
    for (let count = 0; count < 200; count += 1) emit({ method: 'notifications/tools/list_changed', params: LEAK })
    emit({ method: 'notifications/tools/list_changed', params: { last: true } })
    return true
  })
  const params = { notifications: { toolsListChanged: true } }
  const response = await begin(url, { method: 'subscriptions/listen', params })
  let text = ''
  response
    .on('error', () => {})
    .on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
  await eventually(() => expect(text).toContain('"last"'))
  expect(text).not.toContain(CREDENTIAL)
  expect(said()).toHaveLength(10)
})
