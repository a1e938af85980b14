import { afterEach, describe, expect, test } from 'vitest'
import { Secret } from '#core/secret.ts'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { ask } from '../support/modern.ts'
import { type ModernScript, type ScriptedModern, startModernUpstream } from '../support/modern-upstream.ts'

const CREDENTIAL = 'upstream-credential-1234567890'

let gateway: DataPlaneGateway | undefined
let upstream: ScriptedModern | undefined
afterEach(async () => {
  await gateway?.close()
  await upstream?.close()
})

async function start(script: ModernScript): Promise<string> {
  upstream = await startModernUpstream(script)
  const headers = new Map([['authorization', new Secret(`Bearer ${CREDENTIAL}`)]])
  const entry = { kind: 'http' as const, url: upstream.url, headers, network: 'loopback' as const }
  gateway = await startDataPlane({ servers: { notes: { upstream: entry } } })
  return gateway.url('notes')
}

/** The inner door's key in whatever a server answers, where it stands and in every spelling that JSON has for it. */
describe('a server of 2026-07-28 that gives the credential away by which it is called', () => {
  test.each<[string, string]>([
    ['in a text', `{"resultType":"complete","content":[{"type":"text","text":"${CREDENTIAL}"}]}`],
    ['behind its scheme', `{"resultType":"complete","content":[{"type":"text","text":"Bearer ${CREDENTIAL}!"}]}`],
    ['in a field that nobody knows', `{"resultType":"complete","content":[],"com.example/x":["${CREDENTIAL}"]}`],
    ['as a key', `{"resultType":"complete","content":[],"structuredContent":{"${CREDENTIAL}":1}}`],
    ['in its metadata', `{"resultType":"complete","content":[],"_meta":{"com.example/x":"${CREDENTIAL}"}}`],
    ['spelled in escapes', `{"resultType":"complete","content":[{"type":"text","text":"${escaped(CREDENTIAL)}"}]}`],
    ['in a question', `{"resultType":"input_required","inputRequests":{"a":{"method":"${CREDENTIAL}"}}}`],
    ['in its state', `{"resultType":"input_required","requestState":"${CREDENTIAL}"}`],
  ])('%s: the caller gets an error, and why is on record', async (_where, result) => {
    const url = await start(({ body, response }) => {
      if (body['method'] !== 'tools/call') return false
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(`{"jsonrpc":"2.0","id":${JSON.stringify(body['id'])},"result":${result}}`)
      return true
    })
    const { text, messages } = await ask(url, { method: 'tools/call', params: { name: 'get_thing', arguments: {} } })
    expect(text).not.toContain(CREDENTIAL)
    expect(messages[0]).toMatchObject({ error: { code: -32603 } })
    expect(messages[0]).not.toHaveProperty('result')
    expect(gateway?.records.at(-1)).toMatchObject({ activity: 'call.outcome', reason: 'credentialInResult' })
  })

  test('in an error: the caller gets another', async () => {
    const url = await start(({ body, response }) => {
      if (body['method'] !== 'tools/call') return false
      response.writeHead(400, { 'content-type': 'application/json' })
      const error = { code: -32602, message: `no access for ${CREDENTIAL}`, data: { sent: CREDENTIAL } }
      response.end(JSON.stringify({ jsonrpc: '2.0', id: body['id'], error }))
      return true
    })
    const { text } = await ask(url, { method: 'tools/call', params: { name: 'get_thing', arguments: {} } })
    expect(text).not.toContain(CREDENTIAL)
    expect(gateway?.records.at(-1)).toMatchObject({ activity: 'call.outcome', reason: 'credentialInResult' })
  })
})

function escaped(text: string): string {
  return [...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
}
