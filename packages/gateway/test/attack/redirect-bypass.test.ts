import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkRedirectUri, redirectIsAllowed } from '#authorization-server/clients/redirect-uris.ts'

const PUBLIC_URL = 'https://gateway.example'

/**
 * The attacker has a link with somebody else's client_id and wants the code sent elsewhere: to another host that some parser takes
 * for the registered one, or to another path of it. The expected answer is always no, and the proof of no effect is that the only
 * function which lets a response go to an address says so.
 */
const CLIENT = {
  redirect_uris: [
    'http://127.0.0.1/callback',
    'http://localhost:3118/callback?from=mcp',
    'http://[::1]:6274/oauth/callback',
    'https://client.example/cb',
    'https://client.example',
    'cursor://anysphere.cursor-mcp/oauth/callback',
  ],
}

describe('an authorization never goes to an address that only looks registered', () => {
  test.each([
    // Userinfo: what looks like the host is a user name.
    'http://127.0.0.1:80@evil.example/callback',
    'http://127.0.0.1@evil.example/callback',
    'http://127.0.0.1:1@evil.example:80/callback',
    'http://evil.example@127.0.0.1/callback',
    'http://@127.0.0.1/callback',
    'https://client.example@evil.example/cb',
    // Host that begins or ends like the registered one.
    'http://localhost.evil.example/callback?from=mcp',
    'http://127.0.0.1.evil.example/callback',
    'http://evil-localhost/callback?from=mcp',
    'http://127.0.0.1%2eevil.example/callback',
    'http://127.0.0.1%00.evil.example/callback',
    'https://client.example.evil.example/cb',
    'https://evilclient.example/cb',
    // Other spellings of loopback and of the same host.
    'http://127.1/callback',
    'http://127.0.0.01/callback',
    'http://0177.0.0.1/callback',
    'http://0x7f.0.0.1/callback',
    'http://2130706433/callback',
    'http://127.0.0.2/callback',
    'http://0.0.0.0/callback',
    'http://[0:0:0:0:0:0:0:1]:6274/oauth/callback',
    'http://[::ffff:127.0.0.1]/callback',
    'http://[::1%25lo]:6274/oauth/callback',
    'http://127.0.0.1./callback',
    'http://localhost.:3118/callback?from=mcp',
    'http://LOCALHOST:3118/callback?from=mcp',
    'http://loc\u0430lhost:3118/callback?from=mcp',
    'http://\uff4cocalhost:3118/callback?from=mcp',
    'http://\u2460\u2461\u2466.0.0.1/callback',
    'https://CLIENT.example/cb',
    'https://client.example./cb',
    'https://client\u3002example/cb',
    // Ports that are not ports.
    'http://127.0.0.1:/callback',
    'http://127.0.0.1:0/callback',
    'http://127.0.0.1:00080/callback',
    'http://127.0.0.1:65536/callback',
    'http://127.0.0.1:99999999999/callback',
    'http://127.0.0.1:-1/callback',
    'http://127.0.0.1:+80/callback',
    'http://127.0.0.1:8 0/callback',
    'http://127.0.0.1:\u0668/callback',
    'http://127.0.0.1:80:81/callback',
    'http://127.0.0.1:80#@evil.example/callback',
    'http://127.0.0.1:80?@evil.example/callback',
    'http://127.0.0.1:80\\@evil.example/callback',
    // The port is free on loopback http only.
    'https://client.example:444/cb',
    'https://client.example:443/cb',
    'https://127.0.0.1:1/callback',
    'cursor://anysphere.cursor-mcp:1/oauth/callback',
    // Path, query, fragment, slashes.
    'http://127.0.0.1/callback/',
    'http://127.0.0.1//callback',
    'http://127.0.0.1/Callback',
    'http://127.0.0.1/%63allback',
    'http://127.0.0.1/x/../callback',
    'http://127.0.0.1/./callback',
    'http://127.0.0.1/%2e/callback',
    'http://127.0.0.1/callback/..%2f',
    'http://127.0.0.1/callback;x',
    'http://127.0.0.1/callback?',
    'http://127.0.0.1/callback#',
    'http://127.0.0.1/callback?x=1',
    'http://127.0.0.1/callback%20',
    'http://127.0.0.1',
    'http://127.0.0.1/',
    'http://127.0.0.1callback',
    'http://localhost:3118/callback',
    'http://localhost:3118/callback?from=mcp&code=x',
    'http://localhost:3118/callback?FROM=mcp',
    'https://client.example/',
    'https://client.example/cb/',
    'https://client.example/cb?x',
    'https://client.example//evil.example',
    // Backslashes, whitespace and control characters, which browsers rewrite or drop.
    'http:\\\\127.0.0.1\\callback',
    'http:/\\127.0.0.1/callback',
    'http:/127.0.0.1/callback',
    'http:127.0.0.1/callback',
    'http:///127.0.0.1/callback',
    '//127.0.0.1/callback',
    '/callback',
    ' http://127.0.0.1/callback',
    'http://127.0.0.1/callback ',
    'http://127.0.0.1/callback\n',
    '\nhttp://127.0.0.1/callback',
    'ht\ttp://127.0.0.1/callback',
    'http://127.0.0.1\t/callback',
    'http://127.0.0.1/call\r\nback',
    'http://127.0.0.1/callback\u0000',
    'http://evil.example/\nhttp://127.0.0.1/callback',
    // Scheme.
    'HTTP://127.0.0.1/callback',
    'https://127.0.0.1/callback',
    'ftp://127.0.0.1/callback',
    'javascript://127.0.0.1/callback',
    'Cursor://anysphere.cursor-mcp/oauth/callback',
    'cursor://evil.example/oauth/callback',
    'http://client.example/cb',
    '',
    '*',
    'https://client.example/*',
  ])('%j', (uri) => {
    expect(redirectIsAllowed(CLIENT, uri, PUBLIC_URL)).toBe(false)
  })

  test('nothing but the port of a loopback URI may differ (property)', () => {
    const port = fc.integer({ min: 1, max: 65_535 })
    const hosts = fc.constantFrom('127.0.0.1', '[::1]', 'localhost')
    const path = fc.webPath()
    const query = fc.option(fc.webQueryParameters(), { nil: undefined })
    fc.assert(
      fc.property(hosts, hosts, fc.option(port), fc.option(port), path, path, query, query, (...parts) => {
        const [hostA, hostB, portA, portB, pathA, pathB, queryA, queryB] = parts
        const print = (host: string, at: number | null, where: string, what: string | undefined): string =>
          `http://${host}${at === null ? '' : `:${at}`}${where}${what === undefined ? '' : `${where === '' ? '/' : ''}?${what}`}`
        const registered = print(hostA, portA, pathA, queryA)
        const asked = print(hostB, portB, pathB, queryB)
        const isSame = print(hostA, null, pathA, queryA) === print(hostB, null, pathB, queryB)
        expect(redirectIsAllowed({ redirect_uris: [registered] }, asked, PUBLIC_URL)).toBe(isSame)
      }),
      { numRuns: 2_000 },
    )
  })

  test('whatever is allowed is read by a browser as the registered address, port aside (property)', () => {
    const noise = fc.constantFrom(
      '@',
      ':',
      '/',
      '\\',
      '#',
      '?',
      '.',
      '%',
      '\t',
      '\n',
      ' ',
      '80',
      'evil.example',
      '%2e',
      '%00',
      '\u3002',
    )
    fc.assert(
      fc.property(
        fc.constantFrom(...CLIENT.redirect_uris),
        fc.nat(60),
        fc.array(noise, { maxLength: 4 }),
        (uri, at, extra) => {
          const asked = uri.slice(0, at) + extra.join('') + uri.slice(at)
          if (!redirectIsAllowed(CLIENT, asked, PUBLIC_URL)) return
          const read = new URL(asked)
          const meant = CLIENT.redirect_uris.map((known) => new URL(known))
          expect(meant.some((url) => sameButPort(url, read))).toBe(true)
          expect(read.username + read.password + read.hash).toBe('')
        },
      ),
      { numRuns: 5_000 },
    )
  })
})

describe('an address that parsers disagree about cannot be registered in the first place', () => {
  test.each([
    'https://a.example@evil.example/cb',
    'https://a.example:x@evil.example/cb',
    'https://@evil.example/cb',
    'https://a.example\\@evil.example/cb',
    'https://a.example\\cb',
    'https:\\\\a.example/cb',
    'https:/a.example/cb',
    'https:a.example/cb',
    'https:///a.example/cb',
    '//a.example/cb',
    '/cb',
    'a.example/cb',
    'https://a.example/cb#',
    'https://a.example/cb#x',
    'https://*.a.example/cb',
    'https://a.example/*',
    'https://a.example/ cb',
    ' https://a.example/cb',
    'https://a.example/cb ',
    'https://a.ex\tample/cb',
    'https://a.example/c\nb',
    'https://a.example/c\u0000b',
    'https://a.example/\u00e9',
    'https://ex\u0430mple.example/',
    'https://a\u3002example/cb',
    'https://a.example./cb',
    'https://a%2eexample/cb',
    'https://a.example/x/../cb',
    'https://a.example/./cb',
    'https://a.example/%2e%2e/cb',
    'https://a.example/%zz',
    'https://a.example/%',
    'https://a.example:0/cb',
    'https://a.example:0443/cb',
    'https://a.example:/cb',
    'https://0x7f.1/cb',
    'https://2130706433/cb',
    'https://[0:0:0:0:0:0:0:1]/cb',
    'https://[::FFFF:127.0.0.1]/cb',
    'http://127.1/cb',
    'http://127.0.0.2/cb',
    'http://0.0.0.0/cb',
    'http://localhost./cb',
    'http://x.localhost/cb',
    'http://localhost.evil.example/cb',
    'http://[::ffff:127.0.0.1]/cb',
    'http://192.168.0.10/cb',
    'http://a.example/cb',
    'https:',
    'https://',
    'https://?x',
    '',
    'cursor://user@host/cb',
    'cursor:cb',
    'cursor:',
    'cursor:?x',
    'CURSOR://host/cb',
    'cursor://host/x/../cb',
    'cursor://host/cb#x',
    'com.example.app:cb',
    'com.example.app://host/<script>',
    `https://a.example/${'a'.repeat(1_024)}`,
  ])('%j', (uri) => {
    expect(checkRedirectUri(uri, { publicUrl: PUBLIC_URL }).ok).toBe(false)
  })

  test('what can be registered says the same to a browser as to us (property)', () => {
    const piece = fc.constantFrom(
      'https://',
      'http://',
      'cursor://',
      'a.example',
      '127.0.0.1',
      'localhost',
      '@',
      ':',
      '/',
      '\\',
      '?',
      '#',
      '.',
      '%2e',
      '%2f',
      '*',
      ' ',
      '8080',
      '\t',
      'x',
      '..',
      '[::1]',
      'é',
    )
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 9 }), (pieces) => {
        const uri = pieces.join('')
        const checked = checkRedirectUri(uri, { publicUrl: PUBLIC_URL })
        if (!checked.ok) return
        const url = new URL(uri)
        expect(url.username + url.password + url.hash).toBe('')
        const isCustom = checked.value.kind === 'customScheme'
        // RFC 8252 §7.1: a private-use scheme needs no authority (`com.example.app:/callback`).
        const start = isCustom && url.host === '' ? `${url.protocol}/` : `${url.protocol}//${url.hostname}`
        expect(uri.toLowerCase().startsWith(start)).toBe(true)
        expect(isCustom ? url.href === uri : uri.endsWith(url.pathname + url.search) || url.pathname === '/').toBe(true)
        expect(url.protocol !== 'http:' || ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)).toBe(true)
      }),
      { numRuns: 20_000 },
    )
  })
})

function sameButPort(a: URL, b: URL): boolean {
  const isLoopback = a.protocol === 'http:'
  return (
    a.protocol === b.protocol &&
    a.hostname === b.hostname &&
    (isLoopback || a.port === b.port) &&
    a.pathname === b.pathname &&
    a.search === b.search
  )
}
