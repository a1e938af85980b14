import { afterEach, expect, test } from 'vitest'
import { ask, type ModernPair, startModernPair } from '../support/modern.ts'

let pair: ModernPair | undefined
afterEach(async () => {
  await pair?.close()
  pair = undefined
})

async function told(data: unknown): Promise<Record<string, unknown>> {
  pair = await startModernPair(({ body, response }) => {
    if (body['method'] !== 'tools/call') return false
    const error = { code: -32022, message: 'Unsupported protocol version', data }
    response.writeHead(400, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id: body['id'], error }))
    return true
  })
  const { status, messages } = await ask(pair.url, {
    method: 'tools/call',
    params: { name: 'get_thing', arguments: {} },
  })
  expect(status).toBe(400)
  const error = messages[0]?.['error'] as Record<string, unknown>
  expect(error['code']).toBe(-32022)
  return error['data'] as Record<string, unknown>
}

test.each<[string, unknown, readonly string[]]>([
  [
    'revisions that we do not speak',
    ['2099-01-01', '2025-11-25', '2024-11-05', '2026-07-28'],
    ['2026-07-28', '2025-11-25'],
  ],
  ['what is no revision', [7, null, '<script>', ['2026-07-28'], '2025-11-25'], ['2025-11-25']],
  ['no list', 'all', []],
  ['nothing', undefined, []],
])('a version error that lists %s: the client is told what it can reach through us', async (_what, supported, left) => {
  const data = await told({ supported, requested: '2026-07-28', own: 1 })
  expect(data).toEqual({ supported: left, requested: '2026-07-28', own: 1 })
})

test('a version error without data lists nothing', async () => {
  expect(await told(undefined)).toEqual({ supported: [], requested: '2026-07-28' })
})
