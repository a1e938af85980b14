import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { loadConfiguration } from './load.ts'
import { printProblem } from './problem.ts'

const ISSUER = { issuer: 'https://corp.example', jwksUri: 'https://corp.example/jwks', scopes: { all: ['read'] } }
const NOTES = { stdio: { command: 'node' }, authorization: { issuer: 'corp' } }

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-external-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function load(more: Record<string, unknown>) {
  const file = join(folder, 'sallyport.yaml')
  const whole = { version: 1, externalIssuers: { corp: ISSUER }, servers: { notes: NOTES }, ...more }
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(whole, null, 1))
  return loadConfiguration({ file, env: {}, stateDir: folder })
}

it('a server is for tokens of its issuer, under its address if no audience is given', async () => {
  const loaded = await load({})
  if (!loaded.ok) throw new Error(loaded.refusal.map(printProblem).join('\n'))
  const [server] = loaded.value.snapshot.servers.values()
  expect(server?.external).toMatchObject({
    audience: server?.resource,
    issuer: { name: 'corp', issuer: 'https://corp.example', tokenTypes: ['at+jwt'], lifetimeSecondsMax: 3_600 },
  })
})

it.each<[string, Record<string, unknown>, string]>([
  [
    'an issuer that there is not',
    { servers: { notes: { ...NOTES, authorization: { issuer: 'nobody' } } } },
    'There is no external issuer nobody.',
  ],
  [
    'a tier',
    { servers: { notes: { ...NOTES, tools: { pay: { class: 'financial', tier: 'sensitive' } } } } },
    'a tier cannot shorten it',
  ],
  [
    'a scope of one tool',
    { servers: { notes: { ...NOTES, tools: { pay: { class: 'financial', scope: true } } } } },
    'Scopes of single tools',
  ],
  [
    'our word about its tokens',
    { introspection: { billing: { servers: ['notes'], secret: '${env:SECRET}' } } },
    'only their issuer can be asked',
  ],
  [
    'a service of ours',
    {
      clients: {
        bot: {
          name: 'Bot',
          grantTypes: ['client_credentials'],
          authMethod: 'client_secret_basic',
          secret: '${env:SECRET}',
          scopes: ['notes:read'],
        },
      },
    },
    'issued elsewhere',
  ],
  [
    'plain http',
    { externalIssuers: { corp: { ...ISSUER, jwksUri: 'http://corp.example/jwks' } } },
    'This cannot be asked.',
  ],
  [
    'nobody to ask',
    { externalIssuers: { corp: { issuer: ISSUER.issuer, scopes: ISSUER.scopes } } },
    'Nobody says whether a token is good.',
  ],
  [
    'two to ask',
    {
      externalIssuers: {
        corp: {
          ...ISSUER,
          introspection: { endpoint: 'https://corp.example/i', clientId: 'x', secret: '${env:SECRET}' },
        },
      },
    },
    'Nobody says whether a token is good.',
  ],
  [
    'a role that there is not',
    { externalIssuers: { corp: { ...ISSUER, roles: { always: ['owner'] } } } },
    'There is no role owner.',
  ],
  ['no scopes', { externalIssuers: { corp: { ...ISSUER, scopes: {} } } }, 'at least one value'],
])('%s is refused, with what is wrong', async (_what, more, problem) => {
  const loaded = await load(more)
  if (loaded.ok) throw new Error('it was taken')
  expect(loaded.refusal.map(printProblem).join('\n')).toContain(problem)
})
