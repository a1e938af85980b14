import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asRequestId, DEFAULT_TENANT } from '#core/ids.ts'
import { LOOPBACK_SNAPSHOT, openTestRegistry, type TestRegistry } from '../support/client-registry.ts'

/**
 * The attacker registers a client whose redirect or links make a browser run script, open files or start other programs when a
 * person is sent there. Expected: 400, no row, one audit record of the refusal, and nothing of the input repeated in the answer.
 */
let t: TestRegistry
let attempts = 0
beforeAll(async () => {
  t = await openTestRegistry({ policy: { mode: 'open' }, snapshot: LOOPBACK_SNAPSHOT })
})
afterAll(async () => {
  await t.close()
})

/** Each attempt comes from an address of its own, so that no refusal shares another one's record. */
async function attempt(body: Record<string, unknown>): Promise<{ status: number; error: unknown; text: string }> {
  attempts += 1
  const caller = { address: `198.51.100.${attempts}`, requestId: asRequestId(`request-${attempts}`) }
  const answer = await t.registry.register(body, caller)
  return { status: answer.status, error: answer.body['error'], text: JSON.stringify(answer.body) }
}

const DANGEROUS = [
  'javascript:alert(1)',
  'javascript://a.example/%0aalert(1)',
  'JavaScript:alert(1)',
  'java\tscript:alert(1)',
  ' javascript:alert(1)',
  '\u0001javascript:alert(1)',
  'javascript.x://a/b',
  'data:text/html,<script>1</script>',
  'data:text/html;base64,PHNjcmlwdD4=',
  'vbscript:msgbox(1)',
  'livescript:x',
  'file:///etc/passwd',
  'filesystem:http://a.example/x',
  'blob:https://a.example/uuid',
  'about:blank',
  'view-source:https://a.example/',
  'jar:https://a.example/!/x',
  'http://a.example/cb',
  'http://gateway.example/cb',
  'ws://127.0.0.1/',
  'wss://a.example/',
  'ftp://a.example/',
  'gopher://a.example/',
  'ldap://a.example/',
  'ssh://a.example/',
  'smb://a.example/share',
  'intent://a.example/#Intent;scheme=https;end',
  'intent:x',
  'android-app://com.example/https/a.example',
  'market://details',
  'content://com.example/x',
  'mailto:a@a.example',
  'tel:+123',
  'sms:+123',
  'facetime:x',
  'callto:x',
  'chrome://settings',
  'chrome-extension://abcdef/page.html',
  'moz-extension://abcdef/page.html',
  'edge://settings',
  'devtools://devtools/bundled/x',
  'resource://gre/',
  'ms-msdt:/id',
  'ms-settings:x',
  'search-ms:query=x',
  'x-apple.systempreferences:com.apple.preference',
  'itms-services://?action=download-manifest',
  'zoommtg://a.example/join',
  'slack://open',
  'web+cap://x',
  'urn:ietf:wg:oauth:2.0:oob',
  'unheardof://callback',
]

describe('a redirect URI with a dangerous or unknown scheme does not register', () => {
  test.each(DANGEROUS)('%j', async (uri) => {
    const { status, error, text } = await attempt({ redirect_uris: [uri], client_name: 'Notes' })
    expect([status, error]).toEqual([400, 'invalid_redirect_uri'])
    expect(text).not.toContain(uri)
    const rows = await t.store.clients.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })
    expect(rows.items).toEqual([])
    const refusal = (await t.store.audit.byRequest(DEFAULT_TENANT, asRequestId(`request-${attempts}`))).map(
      (entry) => entry.body,
    )
    expect(refusal).toHaveLength(1)
    expect(refusal[0]).toContain('client.register')
  })

  test('hidden behind a good one, a dangerous one still refuses the whole registration', async () => {
    for (const uri of DANGEROUS.filter((candidate) => /^(javascript|data|vbscript|file|intent):/.test(candidate))) {
      const { status } = await attempt({ redirect_uris: ['https://client.example/cb', uri] })
      expect(status, uri).toBe(400)
    }
  })

  test('hidden behind a good one, an unknown one is left out of what is registered', async () => {
    const { status, text } = await attempt({ redirect_uris: ['https://client.example/cb', 'slack://open'] })
    expect(status).toBe(201)
    expect(text).not.toContain('slack')
  })

  test('our own pages are not a redirect target', async () => {
    const { status } = await attempt({ redirect_uris: ['http://127.0.0.1:8700/oauth/authorize?x'] })
    expect(status).toBe(400)
  })
})

describe('links and key URLs', () => {
  const members = ['client_uri', 'logo_uri', 'tos_uri', 'policy_uri', 'jwks_uri']
  const values = [
    'javascript:alert(1)',
    'data:image/svg+xml,<svg/>',
    'file:///etc/passwd',
    'ftp://a.example/',
    '//a.example/x',
    'x',
    'https://user:pw@a.example/',
    'https://a.example/ x',
  ]
  test.each(members.flatMap((member) => values.map((value) => [member, value] as const)))(
    '%s %j',
    async (member, value) => {
      const { status, error, text } = await attempt({ redirect_uris: ['https://client.example/cb'], [member]: value })
      expect([status, error]).toEqual([400, 'invalid_client_metadata'])
      expect(text).not.toContain(value)
    },
  )
})
