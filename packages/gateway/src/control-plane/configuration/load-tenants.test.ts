import { mkdtempSync, realpathSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { asServerId, asTenantId } from '#core/ids.ts'
import { loadConfiguration } from './load.ts'
import { printProblem } from './problem.ts'

let folder: string
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-tenants-')))
})

const SERVER = 'servers: { files: { stdio: { command: node } } }\n'
const write = (name: string, content: string) => writeFileSync(join(folder, name), content, { mode: 0o600 })

function load(yaml: string, more: object = {}) {
  write('sallyport.yaml', `version: 1\n${yaml}`)
  return loadConfiguration({ file: join(folder, 'sallyport.yaml'), env: {}, stateDir: join(folder, 'var'), ...more })
}

async function problemsOf(yaml: string): Promise<string[]> {
  const loaded = await load(yaml)
  return loaded.ok ? [] : loaded.refusal.map((problem) => printProblem(problem).replaceAll(`${folder}/`, ''))
}

describe('tenants in the configuration', () => {
  it('are what a gateway at their issuer would be, and change no word of the gateway itself', async () => {
    write('acme.yaml', `version: 1\nlifetimes: { accessTokenSeconds: 120 }\n${SERVER}`)
    const url = 'https://mcp.example.com'
    const gateway = `gateway: { publicUrl: '${url}', trustedProxies: [127.0.0.1], allowedOrigins: ['https://app.example.com'] }\n`
    const loaded = await load(`${gateway}${SERVER}tenants: { acme: { file: acme.yaml } }\n`)
    if (!loaded.ok) throw new Error(loaded.refusal.map(printProblem).join('\n'))
    const { snapshot, tenants, files } = loaded.value
    const acme = tenants.get(asTenantId('acme'))?.snapshot
    expect(acme).toMatchObject({ tenant: 'acme', publicUrl: `${url}/t/acme`, trustedProxies: ['127.0.0.1'] })
    expect(acme?.servers.get(asServerId('files'))?.resource).toBe(`${url}/t/acme/mcp/files`)
    expect(acme?.registration.mode).toBe('approval')
    expect(acme?.lifetimes.accessTokenSeconds).toBe(120)
    expect(snapshot).toMatchObject({ tenant: 'default', publicUrl: url })
    expect(snapshot.servers.get(asServerId('files'))?.resource).toBe(`${url}/mcp/files`)
    expect(acme?.version).not.toBe(snapshot.version)
    expect(files).toEqual([join(folder, 'sallyport.yaml'), join(folder, 'acme.yaml')])
  })

  it('are asked for certificates where the gateway is', async () => {
    write('acme.yaml', `version: 1\n${SERVER}`)
    write('proxy.secret', 'an-example-as-long-as-a-secret-has-to-be')
    const gateway =
      "gateway: { publicUrl: 'https://mcp.example.com', trustedProxies: [127.0.0.1], mutualTls: { publicUrl: 'https://mtls.example.com', proxy: { addresses: [127.0.0.1], secret: '${file:proxy.secret}' } } }\n"
    const loaded = await load(`${gateway}${SERVER}tenants: { acme: { file: acme.yaml } }\n`)
    if (!loaded.ok) throw new Error(loaded.refusal.map(printProblem).join('\n'))
    const acme = loaded.value.tenants.get(asTenantId('acme'))?.snapshot
    expect(acme?.mutualTls?.publicUrl).toBe('https://mtls.example.com/t/acme')
    expect(loaded.value.snapshot.mutualTls?.publicUrl).toBe('https://mtls.example.com')
  })

  it('move along with --port', async () => {
    write('acme.yaml', `version: 1\n${SERVER}`)
    const loaded = await load(`${SERVER}tenants: { acme: { file: acme.yaml } }\n`, { port: 9_100 })
    expect(loaded.ok && loaded.value.tenants.get(asTenantId('acme'))?.snapshot.publicUrl).toBe(
      'http://127.0.0.1:9100/t/acme',
    )
  })

  it.each([
    ['a file that is not there', '', 'acme.yaml: There is no such file.'],
    [
      'what all tenants share',
      `version: 1\ngateway: { publicUrl: 'https://acme.example.com' }\n${SERVER}`,
      'acme.yaml:2:1: gateway: This is not a tenant’s: all tenants share it. Write it in the gateway’s own file.',
    ],
    [
      'a store',
      `version: 1\nstore: {}\n${SERVER}`,
      'acme.yaml:2:1: store: This is not a tenant’s: all tenants share it. Write it in the gateway’s own file.',
    ],
    [
      'tenants of its own',
      `version: 1\ntenants: {}\n${SERVER}`,
      'acme.yaml:2:1: tenants: This is not a tenant’s: all tenants share it. Write it in the gateway’s own file.',
    ],
    [
      'an unknown key',
      `version: 1\nserver: {}\n`,
      'acme.yaml:2:1: server: Unknown key `server`. Did you mean `servers`?',
    ],
    [
      'a role for a server of the gateway',
      `version: 1\nroles: { r: { allow: { mine: [read] } } }\n${SERVER}`,
      'acme.yaml:2:24: roles.r.allow.mine: There is no server `mine`.',
    ],
  ])('with %s are refused, in the file where it is', async (_what, content, expected) => {
    if (content !== '') write('acme.yaml', content)
    const problems = await problemsOf(
      'servers: { mine: { stdio: { command: node } } }\ntenants: { acme: { file: acme.yaml } }\n',
    )
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(expected)
  })

  it.each([
    [
      'the name of the gateway itself',
      '{ default: { file: acme.yaml } }',
      'This is what the gateway itself is called.',
    ],
    ['a name that is no part of a path', "{ 'a/b': { file: acme.yaml } }", 'Tenants are called by'],
    ['a name in capitals', '{ Acme: { file: acme.yaml } }', 'Tenants are called by'],
    ['the gateway’s own file', '{ acme: { file: sallyport.yaml } }', 'This is the file of the gateway itself.'],
    [
      'one file for two',
      '{ acme: { file: acme.yaml }, beta: { file: ./acme.yaml } }',
      'This is the file of `acme` too.',
    ],
    ['no file', '{ acme: {} }', '`file` is missing.'],
    [
      'more than there may be',
      `{ ${Array.from({ length: 33 }, (_, at) => `t${at}: { file: ${at}.yaml }`).join(', ')} }`,
      'at most 32 tenants',
    ],
  ])('under %s are refused', async (_what, tenants, expected) => {
    write('acme.yaml', `version: 1\n${SERVER}`)
    expect((await problemsOf(`${SERVER}tenants: ${tenants}\n`)).join('\n')).toContain(expected)
  })
})
