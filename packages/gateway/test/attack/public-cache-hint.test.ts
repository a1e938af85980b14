import { afterEach, describe, expect, test } from 'vitest'
import { ask, type ModernPair, startModernPair } from '../support/modern.ts'

let pair: ModernPair | undefined
afterEach(async () => {
  await pair?.close()
  pair = undefined
})

const CACHEABLE: readonly [string, Record<string, unknown>, Record<string, unknown>][] = [
  ['server/discover', {}, { supportedVersions: ['2026-07-28'], capabilities: {} }],
  ['tools/list', {}, { tools: [] }],
  ['prompts/list', {}, { prompts: [] }],
  ['resources/list', {}, { resources: [] }],
  ['resources/templates/list', {}, { resourceTemplates: [] }],
  ['resources/read', { uri: 'a:1' }, { contents: [] }],
]

async function hintsFor(method: string, params: Record<string, unknown>, result: Record<string, unknown>) {
  pair = await startModernPair(({ body, json }) => {
    if (body['method'] !== method) return false
    // What the gateway learns the era from is not what is tested.
    json({ jsonrpc: '2.0', id: body['id'], result: { supportedVersions: ['2026-07-28'], ...result } })
    return true
  })
  const { status, headers, messages } = await ask(pair.url, { method, params })
  expect({ status, cache: headers['cache-control'] }).toEqual({ status: 200, cache: 'no-store' })
  return messages[0]?.['result'] as Record<string, unknown>
}

describe('an upstream that says its answers are for everybody (2026-07-28, caching §Security Considerations)', () => {
  test.each(CACHEABLE)(
    '%s: what one caller sees is private, and for a minute at most',
    async (method, params, result) => {
      const told = await hintsFor(method, params, {
        ...result,
        resultType: 'complete',
        ttlMs: 86_400_000,
        cacheScope: 'public',
      })
      expect(told).toMatchObject({ cacheScope: 'private', ttlMs: 60_000 })
    },
  )

  test.each<[string, unknown]>([
    ['negative', -1],
    ['no number', '1000'],
    ['broken', 0.5],
    ['missing', undefined],
    ['beyond all numbers', 1e308],
  ])('a time to live that is %s lets nobody keep anything beyond a minute', async (_what, ttlMs) => {
    const told = await hintsFor('tools/list', {}, { tools: [], resultType: 'complete', ttlMs, cacheScope: 'public' })
    expect(told['cacheScope']).toBe('private')
    expect(told['ttlMs']).toBeLessThanOrEqual(60_000)
    expect(told['ttlMs']).toBeGreaterThanOrEqual(0)
  })

  test.each<[string, Record<string, unknown>]>([
    ['a scope and a time', { ttlMs: 86_400_000, cacheScope: 'public' }],
    ['a scope alone', { cacheScope: 'public' }],
    ['a time alone', { ttlMs: 86_400_000 }],
    ['a time that is a text', { ttlMs: '86400000' }],
  ])('hints where none belong are bounded too: %s', async (_what, hints) => {
    const told = await hintsFor('prompts/get', { name: 'p' }, { messages: [], resultType: 'complete', ...hints })
    expect(told['cacheScope']).toBe('private')
    expect(told['ttlMs']).toBeLessThanOrEqual(60_000)
  })

  test('a result that hints nothing and needs none gets none', async () => {
    const told = await hintsFor('prompts/get', { name: 'p' }, { messages: [], resultType: 'complete' })
    expect(told).toEqual({ supportedVersions: ['2026-07-28'], messages: [], resultType: 'complete' })
  })

  test('two callers never get one another’s list, whatever the upstream says', async () => {
    pair = await startModernPair(({ body, json }) => {
      if (body['method'] !== 'tools/list') return false
      const tools = ['get_thing', 'delete_thing'].map((name) => ({ name, inputSchema: { type: 'object' } }))
      json({
        jsonrpc: '2.0',
        id: body['id'],
        result: { resultType: 'complete', tools, ttlMs: 1e9, cacheScope: 'public' },
      })
      return true
    })
    const { upstream, url } = pair
    await ask(url, { method: 'tools/list' })
    const before = upstream.of('tools/list').length
    await ask(url, { method: 'tools/list', token: 'token-bob' })
    expect(upstream.of('tools/list').length).toBeGreaterThan(before)
  })
})
