import { chmodSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openSnapshotHolder } from '#control-plane/configuration/holder.ts'
import { loadConfiguration } from '#control-plane/configuration/load.ts'
import { printProblem } from '#control-plane/configuration/problem.ts'
import { selfSignedCertificate } from '../support/self-signed.ts'

const YAML = [
  'version: 1',
  'gateway:',
  '  publicUrl: https://mcp.example.com',
  '  listen: { host: 0.0.0.0, port: 8443 }',
  '  tls: { certificateFile: cert.pem, privateKeyFile: key.pem }',
  'servers:',
  '  files: { stdio: { command: node } }',
].join('\n')

let folder: string
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-tls-')))
  writeFileSync(join(folder, 'sallyport.yaml'), YAML)
})
afterEach(() => rmSync(folder, { recursive: true }))

function writePair(pair: { readonly key: string; readonly cert: string }): void {
  writeFileSync(join(folder, 'cert.pem'), pair.cert)
  writeFileSync(join(folder, 'key.pem'), pair.key, { mode: 0o600 })
}

async function load() {
  const loaded = await loadConfiguration({ file: join(folder, 'sallyport.yaml'), env: {}, stateDir: folder })
  if (loaded.ok) return loaded.value
  return loaded.refusal.map((problem) => printProblem(problem).replace(`${folder}/sallyport.yaml`, ''))
}

it('with a certificate the gateway may listen anywhere', async () => {
  const pair = selfSignedCertificate(['mcp.example.com'])
  writePair(pair)
  expect(await load()).toMatchObject({
    warnings: [],
    listen: { host: '0.0.0.0', port: 8443 },
    tls: { certificate: pair.cert.trimEnd(), privateKey: pair.key.trimEnd() },
    snapshot: { isLoopback: false, registration: { mode: 'approval' } },
  })
})

it('a key of another certificate, a broken one and an open one are refused', async () => {
  writePair(selfSignedCertificate(['mcp.example.com']))
  writeFileSync(join(folder, 'key.pem'), selfSignedCertificate(['mcp.example.com']).key)
  expect(await load()).toEqual([':5:53: gateway.tls.privateKeyFile: This key does not belong to the certificate.'])
  writeFileSync(join(folder, 'cert.pem'), 'not a certificate')
  expect(await load()).toEqual([':5:27: gateway.tls.certificateFile: This is not a PEM certificate.'])
  chmodSync(join(folder, 'key.pem'), 0o644)
  expect(await load()).toEqual([
    ':5:53: gateway.tls.privateKeyFile: Everybody on this machine may read the file. Run `chmod o-rwx` on it.',
  ])
})

it('a renewed certificate is taken up; half a renewal leaves the old one in force', async () => {
  writePair(selfSignedCertificate(['mcp.example.com']))
  const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
  const opened = await openSnapshotHolder({
    file: join(folder, 'sallyport.yaml'),
    env: {},
    stateDir: folder,
    log: silent,
    audit: {
      entry: () => {
        throw new Error('not used')
      },
      record: async () => undefined,
      refusedUnauthenticated: async () => undefined,
    },
    pollMs: 3_600_000,
  })
  if (!opened.ok) throw new Error('refused')
  const holder = opened.value
  const before = holder.loaded().tls
  const renewed = selfSignedCertificate(['mcp.example.com'])
  writeFileSync(join(folder, 'cert.pem'), renewed.cert)
  expect(await holder.reload()).toBe('rejected')
  expect(holder.loaded().tls).toBe(before)
  writeFileSync(join(folder, 'key.pem'), renewed.key)
  expect(await holder.reload()).toBe('applied')
  expect(holder.loaded().tls?.certificate).toBe(renewed.cert.trimEnd())
  holder.close()
})
