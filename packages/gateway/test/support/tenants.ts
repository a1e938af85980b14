import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Person } from '../e2e/support/authorize.ts'
import { type AdminAnswer, askSocket } from './admin-socket.ts'
import { type HandMadeProvider, PROVIDER_CLIENT, startHandMadeProvider } from './hand-made-provider.ts'
import { storeYaml } from './postgres/place.ts'
import { authorizeClient, type IssuedTokens, REDIRECT_URI, requestToken } from './scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from './upstream-http.ts'
import { startWholeGateway, type WholeGateway } from './whole-gateway.ts'

/** One of those that live behind the same listener: the gateway itself, or a tenant. */
export interface Household {
  /** Null: the gateway itself. */
  readonly name: string | null
  readonly issuer: string
  readonly resource: string
  /** Everybody's person is called `alice`; only the passwords differ. */
  readonly alice: Person
  readonly secret: string
  admin(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<AdminAnswer>
  /** Code of an authorization that alice gave, with its verifier. */
  code(parameters?: Readonly<Record<string, string>>): Promise<{ readonly code: string; readonly verifier: string }>
  redeem(code: { readonly code: string; readonly verifier: string }): Promise<Response>
  tokens(parameters?: Readonly<Record<string, string>>): Promise<Omit<IssuedTokens, 'clientId'>>
}

export interface TenantsWorld {
  readonly gateway: WholeGateway
  readonly upstream: ScriptedUpstream
  /** Where people of everybody log in, too. */
  readonly corp: HandMadeProvider
  readonly origin: string
  readonly root: Household
  readonly acme: Household
  readonly beta: Household
  /** The gateway's own file, with more sections. */
  configuration(more?: Readonly<Record<string, unknown>>): string
  close(): Promise<void>
}

/**
 * The gateway, and tenants `acme` and `beta`, put together as `serve` does it. All that they could be confused by is the same on purpose: a
 * server `notes`, a client `desk`, a resource server `ledger`, a person `alice`. Only secrets differ.
 */
export async function startTenants(
  place: string | null = null,
  startUpstream: () => Promise<ScriptedUpstream> = () => startScriptedUpstream(() => false),
): Promise<TenantsWorld> {
  const upstream = await startUpstream()
  const corp = await startHandMadeProvider()
  const secrets = Object.fromEntries(['root', 'acme', 'beta'].map((name) => [name, randomBytes(20).toString('hex')]))
  let origin = ''
  const sections = (name: string) => ({
    version: 1,
    servers: { notes: { http: { url: upstream.url, network: 'loopback' } } },
    clients: {
      desk: { name: 'Desk', redirectUris: [REDIRECT_URI], authMethod: 'none' },
      tv: { name: 'Terminal', grantTypes: ['urn:ietf:params:oauth:grant-type:device_code'] },
      robot: {
        name: 'Robot',
        grantTypes: ['client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange'],
        authMethod: 'client_secret_basic',
        secret: `\${file:${name}.secret}`,
        scopes: ['notes:read'],
      },
    },
    identityProviders: {
      corp: {
        issuer: corp.issuer,
        clientId: PROVIDER_CLIENT,
        network: 'loopback',
        accounts: 'opened',
        roles: { always: ['user'] },
      },
    },
    introspection: { ledger: { servers: ['notes'], secret: `\${file:${name}.secret}` } },
  })
  const store = place === null ? null : storeYaml(place)
  const configuration: TenantsWorld['configuration'] = (more = {}) => {
    const all = {
      ...sections('root'),
      gateway: { publicUrl: origin },
      tenants: { acme: { file: 'acme.yaml' }, beta: { file: 'beta.yaml' } },
      ...more,
    }
    return store === null ? JSON.stringify(all) : `${blocks(all)}${store.yaml}`
  }
  const gateway = await startWholeGateway(
    (port) => {
      origin = `http://127.0.0.1:${port}`
      return configuration()
    },
    {
      files: {
        ...Object.fromEntries(Object.entries(secrets).map(([name, secret]) => [`${name}.secret`, secret])),
        'acme.yaml': JSON.stringify(sections('acme')),
        'beta.yaml': JSON.stringify(sections('beta')),
        ...store?.files,
      },
    },
  )
  const household = async (name: string | null): Promise<Household> => {
    const issuer = name === null ? origin : `${origin}/t/${name}`
    const stateDir = join(gateway.folder, 'var', ...(name === null ? [] : ['tenants', name]))
    const admin: Household['admin'] = (method, path, body, headers) => askSocket(stateDir, method, path, body, headers)
    const alice = { username: 'alice', password: `correct horse battery ${name ?? 'root'}` }
    const added = await admin('POST', '/users', { ...alice, roles: ['operator', 'user'] })
    if (added.status !== 201) throw new Error(`alice was not added: ${added.text}`)
    const resource = `${issuer}/mcp/notes`
    const code: Household['code'] = async (parameters = {}) => {
      const wish = { resource, scope: 'notes:read', ...parameters }
      const { callback, verifier } = await authorizeClient(fetch, `${issuer}/oauth/authorize`, 'desk', alice, wish)
      return { code: callback.searchParams.get('code') ?? '', verifier }
    }
    const redeem: Household['redeem'] = ({ code: given, verifier }) =>
      requestToken(fetch, `${issuer}/oauth/token`, {
        grant_type: 'authorization_code',
        code: given,
        code_verifier: verifier,
        client_id: 'desk',
        redirect_uri: REDIRECT_URI,
      })
    const tokens: Household['tokens'] = async (parameters) => {
      const answer = await redeem(await code(parameters))
      if (answer.status !== 200) throw new Error(`no token: ${answer.status} ${await answer.text()}`)
      return (await answer.json()) as IssuedTokens
    }
    return { name, issuer, resource, alice, secret: secrets[name ?? 'root'] ?? '', admin, code, redeem, tokens }
  }
  return {
    gateway,
    upstream,
    corp,
    origin,
    root: await household(null),
    acme: await household('acme'),
    beta: await household('beta'),
    configuration,
    close: async () => {
      await gateway.close()
      await upstream.close()
      await corp.close()
    },
  }
}

/** YAML whose sections are JSON, so that a section in YAML can follow. */
function blocks(sections: Readonly<Record<string, unknown>>): string {
  return Object.entries(sections)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
    .join('')
}
