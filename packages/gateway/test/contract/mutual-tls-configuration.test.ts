import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { loadConfiguration } from '#control-plane/configuration/load.ts'
import { printProblem } from '#control-plane/configuration/problem.ts'
import { rootCertificate } from '../support/certificates.ts'
import { selfSignedCertificate } from '../support/self-signed.ts'

const SECRET = 's'.repeat(32)
const authority = rootCertificate()

let folder: string
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-mtls-')))
  const pair = selfSignedCertificate(['mcp.example.com'])
  writeFileSync(join(folder, 'cert.pem'), pair.cert)
  writeFileSync(join(folder, 'key.pem'), pair.key, { mode: 0o600 })
  writeFileSync(join(folder, 'clients.pem'), authority.cert)
  writeFileSync(join(folder, 'leaf.pem'), authority.issue().cert)
  writeFileSync(join(folder, 'none.pem'), 'nothing')
  writeFileSync(join(folder, 'secret'), SECRET, { mode: 0o600 })
  writeFileSync(join(folder, 'short'), 'too short', { mode: 0o600 })
})
afterEach(() => rmSync(folder, { recursive: true }))

const TLS = 'tls: { certificateFile: cert.pem, privateKeyFile: key.pem }'
const PROXIES = "trustedProxies: ['10.0.0.5']"
const proxy = (secret: string) => `proxy: { addresses: ['10.0.0.5'], secret: '${secret}' }`

async function load(gateway: readonly string[], rest = '') {
  const file = join(folder, 'sallyport.yaml')
  const lines = ['publicUrl: https://mcp.example.com', ...gateway].map((line) => `  ${line}`).join('\n')
  writeFileSync(file, `version: 1\ngateway:\n${lines}\nservers:\n  files: { stdio: { command: node } }\n${rest}`)
  const loaded = await loadConfiguration({ file, env: {}, stateDir: folder })
  if (loaded.ok) return loaded.value
  return loaded.refusal.map((problem) => printProblem(problem).replace(/^.*?sallyport\.yaml:\d+:\d+: /, ''))
}

it.each([
  [
    'a listener of its own',
    [TLS, "mutualTls: { publicUrl: 'https://m.example.com', listen: { port: 8444 }, authorityFile: clients.pem }"],
    { host: '127.0.0.1', port: 8444 },
    'https://m.example.com',
  ],
  ['the one listener', [TLS, 'mutualTls: { authorityFile: clients.pem }'], 'same', 'https://mcp.example.com'],
  ['a proxy', [PROXIES, `mutualTls: { ${proxy('${file:secret}')} }`], 'none', 'https://mcp.example.com'],
])('certificates are asked for by %s', async (_, gateway, certificateListener, publicUrl) => {
  expect(await load(gateway)).toMatchObject({ certificateListener, snapshot: { mutualTls: { publicUrl } } })
})

it('without it, nobody is asked, and rules that need certificates are refused', async () => {
  expect(await load([TLS])).toMatchObject({ certificateListener: 'none', snapshot: { mutualTls: null } })
  for (const rule of ['require: mtls', 'tiers: { low: mtls }', 'clients: { x: mtls }'])
    expect(await load([TLS], `senderConstraint: { ${rule} }\n`)).toEqual([
      expect.stringContaining('A rule asks for client certificates, and nobody asks clients for them.'),
    ])
})

it('the secret of the proxy is in no text of the configuration', async () => {
  const loaded = await load([PROXIES, `mutualTls: { ${proxy('${file:secret}')} }`])
  expect(JSON.stringify(loaded, (_, value) => (value instanceof Map ? [...value] : value))).not.toContain(SECRET)
})

it.each<[string, readonly string[], string]>([
  ['nobody who asks', ['mutualTls: {}', PROXIES], 'Nobody asks clients for certificates.'],
  ['no https', [TLS, "mutualTls: { publicUrl: 'http://m.example.com', listen: { port: 1 } }"], 'not an https origin'],
  ['a path', [TLS, "mutualTls: { publicUrl: 'https://m.example.com/x', listen: { port: 1 } }"], 'not an https origin'],
  ['the same origin', [TLS, "mutualTls: { publicUrl: 'https://mcp.example.com', listen: { port: 1 } }"], 'itself'],
  ['a listener without origin', [TLS, 'mutualTls: { listen: { port: 1 } }'], 'go together'],
  ['an origin without listener', [TLS, "mutualTls: { publicUrl: 'https://m.example.com' }"], 'go together'],
  [
    'a host that is none',
    [TLS, "mutualTls: { publicUrl: 'https://m.example.com', listen: { host: x, port: 1 } }"],
    'not an IP address',
  ],
  [
    'proxy and listener',
    [PROXIES, `mutualTls: { ${proxy('${file:secret}')}, listen: { port: 1 } }`],
    'from a proxy, or from a listener',
  ],
  [
    'a proxy that is not trusted',
    [`mutualTls: { ${proxy('${file:secret}')} }`, "trustedProxies: ['10.0.0.6']"],
    'not one of `gateway.trustedProxies`',
  ],
  ['a secret written out', [PROXIES, `mutualTls: { ${proxy(SECRET)} }`], 'not one reference'],
  ['a short secret', [PROXIES, `mutualTls: { ${proxy('${file:short}')} }`], '32 printable characters'],
  ['no such authority', [TLS, 'mutualTls: { authorityFile: gone.pem }'], 'authorityFile'],
  ['no certificate', [TLS, 'mutualTls: { authorityFile: none.pem }'], 'no PEM certificate'],
  ['no authority', [TLS, 'mutualTls: { authorityFile: leaf.pem }'], 'may not issue others'],
])('%s is refused', async (_, gateway, problem) => {
  expect(await load(gateway)).toEqual([expect.stringContaining(problem)])
})
