import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  asClientId,
  asGrantId,
  asServerId,
  asSubjectId,
  asTokenId,
  type ClientId,
  DEFAULT_TENANT,
  type ServerId,
} from '#core/ids.ts'
import type { PreregisteredClient, ServerEntry, Snapshot } from '#core/snapshot.ts'
import { TOOL_CLASSES, type ToolClass } from '#core/tool-classes.ts'
import type { Principal } from '#identity/principal.ts'
import { scopesCover } from '#policy/scopes.ts'
import { clientCredentials } from './client-credentials.ts'
import { accessAsserted } from './identity-assertion.ts'
import { exchangeToken } from './token-exchange.ts'

const P = 'https://gateway.example'
const SERVERS = ['files', 'notes'] as const
const server = (id: string): ServerEntry => ({
  id: asServerId(id),
  title: id,
  description: '',
  resource: `${P}/mcp/${id}`,
  upstream: { kind: 'stdio', command: 'false', args: [], env: new Map(), cwd: null },
  baselineClasses: ['read'],
  toolClasses: new Map([['wipe', 'destructive']]),
  toolScopes: new Set(['wipe']),
  limits: { requestBytesMax: 1, responseBytesMax: 1, callTimeoutSeconds: 1, sessionsPerSubjectMax: 1, idleSeconds: 1 },
})
const client = (scopes: readonly string[], grantTypes: PreregisteredClient['grantTypes']): PreregisteredClient => ({
  clientId: asClientId('actor'),
  name: 'actor',
  redirectUris: [],
  grantTypes,
  authMethod: 'client_secret_post',
  secret: null,
  keys: null,
  scopes,
})
/** Only what these decisions read. */
const snapshot = (clients: readonly PreregisteredClient[] = [], roleClasses: readonly ToolClass[] = []) =>
  ({
    publicUrl: P,
    servers: new Map(SERVERS.map((id) => [asServerId(id), server(id)])),
    clients: new Map<ClientId, PreregisteredClient>(clients.map((one) => [one.clientId, one])),
    roles: new Map([
      [
        'role',
        {
          name: 'role',
          admin: null,
          allow: new Map<ServerId | '*', ReadonlySet<ToolClass>>([['*', new Set(roleClasses)]]),
        },
      ],
    ]),
  }) as unknown as Snapshot

const scope = fc.oneof(
  fc
    .tuple(fc.constantFrom(...SERVERS, 'api', 'other'), fc.constantFrom(...TOOL_CLASSES))
    .map(([id, one]) => `${id}:${one}`),
  fc.constantFrom('files:tool:wipe', 'notes:tool:wipe', 'openid', 'files:*', 'files:tool:', ''),
)
const scopes = fc.array(scope, { maxLength: 6 })
const target = fc.constantFrom(
  null,
  `${P}/mcp/files`,
  `${P}/mcp/notes`,
  `${P}/mcp/FILES/`,
  `${P}/api/v1`,
  'https://evil.example/',
)
const asked = fc.oneof(
  fc.constant(null),
  scopes.map((list) => list.filter((one) => one !== '').join(' ')),
)

/** What somebody who holds these can do, as the doors judge it: a class of a server, or one tool of it. */
function reach(held: readonly string[]): ReadonlySet<string> {
  const can = SERVERS.flatMap((id) => [
    ...TOOL_CLASSES.filter((one) => scopesCover(held, asServerId(id), one, null)).map((one) => `${id} ${one}`),
    ...(scopesCover(held, asServerId(id), 'destructive', 'wipe') ? [`${id} wipe`] : []),
  ])
  return new Set(can)
}
const isWithin = (inner: readonly string[], outer: readonly string[]) =>
  [...reach(inner)].every((one) => reach(outer).has(one))

/** A property that hardly ever meets its case shows nothing. */
const GIVEN_MIN = 100
const RUNS = { numRuns: 10_000 }

describe('no grant gives more than each of those who limit it', () => {
  it('a service: what the configuration gives it, at one server', () => {
    let count = 0
    fc.assert(
      fc.property(scopes, asked, target, (held, wanted, resource) => {
        const service = client(held, ['client_credentials'])
        const given = clientCredentials({ clientId: 'actor', scope: wanted, resource }, snapshot([service]))
        if (!given.ok) return
        count += 1
        expect(isWithin(given.value.scopes, held)).toBe(true)
        expect(given.value.scopes.every((one) => one.startsWith(`${given.value.resource.id}:`))).toBe(true)
        expect(given.value.scopes.length).toBeGreaterThan(0)
      }),
      RUNS,
    )
    expect(count).toBeGreaterThan(GIVEN_MIN)
  })

  it('an exchanged token: what the subject token and the actor hold, until the subject token ends', () => {
    let count = 0
    fc.assert(
      fc.property(scopes, scopes, asked, target, fc.nat(4), (subjectScopes, actorScopes, wanted, resource, depth) => {
        const exchanges = Array.from({ length: depth }, (_, at) => ({
          clientId: asClientId(`before-${at}`),
          tokenId: asTokenId(`token-${at}`),
        }))
        const subject: Principal = {
          tenant: DEFAULT_TENANT,
          subject: asSubjectId('ada'),
          kind: 'user',
          clientId: asClientId('desk'),
          scopes: subjectScopes,
          resource: `${P}/mcp/files`,
          acr: null,
          authTime: null,
          grantId: asGrantId('grant'),
          grantNumber: 1,
          tokenId: asTokenId('token'),
          expiresAt: 1_000,
          confirmation: null,
          delegation: depth === 0 ? null : { exchanges },
        }
        const request = {
          subjectToken: 'x',
          subjectTokenType: 'x',
          actorToken: null,
          requestedTokenType: null,
          resource,
          audience: null,
          scope: wanted,
        }
        const actor = client(actorScopes, ['urn:ietf:params:oauth:grant-type:token-exchange'])
        const given = exchangeToken(subject, actor, request, { jkt: null, x5t: null }, snapshot([actor]))
        if (!given.ok) return
        count += 1
        expect(isWithin(given.value.scopes, subjectScopes)).toBe(true)
        expect(isWithin(given.value.scopes, actorScopes)).toBe(true)
        expect([given.value.endsAt, given.value.resource.id, given.value.subject]).toEqual([1_000, 'files', 'ada'])
        expect(given.value.grant).toEqual({ kind: 'standing', grantId: 'grant' })
        expect(depth).toBeLessThan(3)
      }),
      RUNS,
    )
    expect(count).toBeGreaterThan(GIVEN_MIN)
  })

  it('a person’s provider: what it says, what is asked, the roles and the client', () => {
    const classes = fc.subarray([...TOOL_CLASSES])
    const asserted = fc.oneof(
      fc.constant(null),
      scopes.map((list) => list.join(' ')),
    )
    const resources = fc.oneof(
      fc.constant(null),
      fc.array(
        target.map((one) => one ?? P),
        { minLength: 1, maxLength: 3 },
      ),
    )
    let count = 0
    fc.assert(
      fc.property(
        asserted,
        resources,
        asked,
        target,
        classes,
        fc.option(scopes),
        (said, where, wanted, resource, role, own) => {
          const holder = { roles: ['role'], clientScopes: own }
          const given = accessAsserted(
            { resources: where, scope: said },
            { resource, scope: wanted },
            holder,
            snapshot([], role),
          )
          if (!given.ok) return
          count += 1
          const { id } = given.value.resource
          const limits = [
            said === null ? [`${id}:read`] : said.split(' '),
            role.map((one) => `${id}:${one}`),
            ...(own === null ? [] : [own]),
          ]
          // A tool of its own scope is allowed by its class.
          const plain = given.value.scopes.filter((one) => !one.includes(':tool:'))
          for (const limit of limits) expect(isWithin(plain, limit)).toBe(true)
          expect(given.value.scopes.every((one) => one.startsWith(`${id}:`))).toBe(true)
          if (where !== null) expect(where.some((one) => one.toLowerCase().includes(`/mcp/${id}`))).toBe(true)
          expect(given.value.scopes.length).toBeGreaterThan(0)
        },
      ),
      RUNS,
    )
    expect(count).toBeGreaterThan(GIVEN_MIN)
  })
})
