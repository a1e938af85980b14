import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { fetchThrough, initialize, logInScripted, REDIRECT_URI } from '../support/scripted-client.ts'
import { selfSignedCertificate } from '../support/self-signed.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

const HOST = 'mcp.example.com'
const P = `https://${HOST}`

let upstream: ScriptedUpstream
let world: WholeGateway
let pair: { readonly key: string; readonly cert: string }

beforeEach(async () => {
  upstream = await startScriptedUpstream(() => false)
  pair = selfSignedCertificate([HOST])
  world = await startWholeGateway(
    (port) =>
      [
        'version: 1',
        'gateway:',
        `  publicUrl: '${P}'`,
        `  listen: { port: ${port} }`,
        '  tls: { certificateFile: cert.pem, privateKeyFile: key.pem }',
        'servers:',
        `  files: { http: { url: '${upstream.url}', network: loopback } }`,
        '',
      ].join('\n'),
    { files: { 'cert.pem': pair.cert, 'key.pem': pair.key } },
  )
})
afterEach(async () => {
  await world.close()
  await upstream.close()
})

const through = (ca: string) => fetchThrough({ port: world.port, ca })
const approve = async (clientId: string) => {
  const answer = await world.admin('POST', `/clients/${encodeURIComponent(clientId)}/approve`)
  expect(answer.status).toBe(200)
}

/** The certificate that a new connection is shown. */
function shownCertificate(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls(
      { host: '127.0.0.1', port: world.port, servername: HOST, rejectUnauthorized: false },
      () => {
        resolve(socket.getPeerCertificate().fingerprint256)
        socket.destroy()
      },
    )
    socket.on('error', reject)
  })
}

it('TLS ends here: a client completes everything over https, cookies are Secure, and HSTS is sent', async () => {
  const alice = await world.addUser('alice')
  const send = through(pair.cert)
  const cookies: string[] = []
  const watching: typeof fetch = async (input, init) => {
    const response = await send(input, init)
    cookies.push(...response.headers.getSetCookie())
    return response
  }
  const tokens = await logInScripted(
    watching,
    { authorize: `${P}/oauth/authorize`, token: `${P}/oauth/token`, register: `${P}/oauth/register` },
    alice,
    { resource: `${P}/mcp/files` },
    approve,
  )
  const opened = await initialize(send, `${P}/mcp/files`, tokens.access_token)
  expect(opened.status).toBe(200)
  expect(opened.headers.get('strict-transport-security')).toMatch(/^max-age=31536000/)
  expect(cookies.length).toBeGreaterThan(0)
  for (const cookie of cookies) expect(cookie).toMatch(/; secure/i)
})

it('a client that was not approved goes no further than a page, and its redirect is not used', async () => {
  const send = through(pair.cert)
  const alice = await world.addUser('alice')
  const attempt = logInScripted(
    send,
    { authorize: `${P}/oauth/authorize`, token: `${P}/oauth/token`, register: `${P}/oauth/register` },
    alice,
    { resource: `${P}/mcp/files` },
  )
  await expect(attempt).rejects.toThrow(/no form|stopped/)
  await expect(attempt).rejects.not.toThrow(REDIRECT_URI)
})

it('plain http on the TLS port, and old TLS, get no answer', async () => {
  await expect(fetch(`http://127.0.0.1:${world.port}/readyz`)).rejects.toThrow()
  const old = new Promise((resolve, reject) => {
    const socket = connectTls(
      {
        host: '127.0.0.1',
        port: world.port,
        servername: HOST,
        rejectUnauthorized: false,
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      },
      () => resolve('connected'),
    )
    socket.on('error', reject)
  })
  await expect(old).rejects.toThrow()
})

it('renewed certificate files are used for new connections without a restart; half a renewal changes nothing', async () => {
  const before = await shownCertificate()
  const renewed = selfSignedCertificate([HOST])
  await writeFile(join(world.folder, 'cert.pem'), renewed.cert)
  await world.gateway.reload()
  expect(await shownCertificate()).toBe(before)
  expect((await through(pair.cert)(`${P}/readyz`)).status).toBe(200)

  await writeFile(join(world.folder, 'key.pem'), renewed.key, { mode: 0o600 })
  await vi.waitFor(async () => expect(await shownCertificate()).not.toBe(before), { timeout: 15_000, interval: 200 })
  expect((await through(renewed.cert)(`${P}/readyz`)).status).toBe(200)
})
