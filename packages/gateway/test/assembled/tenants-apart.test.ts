import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { holdFolder } from '#store/sqlite/hold-folder.ts'
import { askSocket } from '../support/admin-socket.ts'
import { eventually } from '../support/eventually.ts'
import { makePlace, type Place, runCli, spawnGateway } from '../support/gateway-process.ts'
import { startTenants, type TenantsWorld } from '../support/tenants.ts'

describe('a tenant that cannot be opened', () => {
  let world: TenantsWorld | undefined
  afterEach(() => world?.close())

  it('is 503 alone, and comes back by itself', async () => {
    const opened = await startTenants()
    world = opened
    const { gateway, origin } = opened
    const status = async (path: string) => (await fetch(`${origin}${path}`)).status
    const acme = '/t/acme/.well-known/oauth-authorization-server'
    const only = (...names: string[]) =>
      opened.configuration({ tenants: Object.fromEntries(names.map((name) => [name, { file: `${name}.yaml` }])) })
    await gateway.reconfigure(only('beta'))
    expect([await status(acme), await status('/readyz')]).toEqual([404, 200])
    // Somebody else has its folder.
    const held = await holdFolder(join(gateway.folder, 'var', 'tenants', 'acme', 'sallyport.db'))
    await gateway.reconfigure(only('acme', 'beta'))
    const refused = await fetch(`${origin}${acme}`)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5'])
    expect(await refused.text()).not.toContain('acme')
    expect(await status('/t/acme/mcp/notes')).toBe(503)
    expect([await status('/readyz'), await status('/healthz')]).toEqual([503, 200])
    expect((await opened.beta.tokens()).access_token).toBeTruthy()
    expect((await opened.root.tokens()).access_token).toBeTruthy()
    expect(gateway.logged).toContainEqual({
      level: 'error',
      message: 'a tenant cannot be opened; it is tried again',
      details: expect.objectContaining({ tenant: 'acme' }),
    })
    held.release()
    await eventually(async () => expect(await status(acme)).toBe(200))
    expect(await status('/readyz')).toBe(200)
    expect((await opened.acme.tokens()).access_token).toBeTruthy()
  }, 60_000)
})

describe('a gateway with tenants that is killed', () => {
  let place: Place | undefined
  afterEach(() => place?.remove())

  it('has each of them again, with what it had', async () => {
    const here = await makePlace(
      () => 'servers: {}\ntenants: { acme: { file: acme.yaml }, beta: { file: beta.yaml } }\n',
    )
    place = here
    for (const name of ['acme', 'beta'])
      await writeFile(join(here.folder, `${name}.yaml`), 'version: 1\nservers: { a: { stdio: { command: node } } }\n', {
        mode: 0o600,
      })
    const first = spawnGateway(here)
    await first.ready()
    for (const name of ['acme', 'beta']) {
      const added = await askSocket(join(here.stateDir, 'tenants', name), 'POST', '/users', { username: `of-${name}` })
      expect(added.status).toBe(201)
    }
    first.child.kill('SIGKILL')
    await first.exit
    // Nobody runs: the command line opens the tenant's own store.
    expect((await runCli(here, 'user', 'list', '--tenant', 'acme')).out).toContain('of-acme')
    const second = spawnGateway(here)
    await second.ready()
    const listed = await runCli(here, 'user', 'list', '--tenant', 'beta')
    expect([listed.code, listed.out.includes('of-beta'), listed.out.includes('of-acme')]).toEqual([0, true, false])
    expect((await runCli(here, 'user', 'list')).out).not.toContain('of-')
    expect((await runCli(here, 'log', 'verify', '--tenant', 'acme')).code).toBe(0)
    expect((await runCli(here, 'user', 'list', '--tenant', 'gamma')).code).not.toBe(0)
    expect((await runCli(here, 'user', 'list', '--tenant', '../..')).code).toBe(2)
    second.child.kill('SIGTERM')
    expect(await second.exit).toEqual([0, null])
  }, 120_000)
})
