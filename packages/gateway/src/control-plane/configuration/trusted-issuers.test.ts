import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfiguration } from './load.ts'
import { printProblem } from './problem.ts'

const KEY = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'k' }
const WORKLOAD = { claims: { sub: 'one', env: ['a', 'b'] }, scopes: ['notes:read'] }
const CI = { issuer: 'https://ci.example', jwks: [KEY], workloads: { build: WORKLOAD } }

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-issuers-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function load(trustedIssuers: Record<string, unknown>) {
  const file = join(folder, 'sallyport.yaml')
  const servers = { notes: { stdio: { command: 'node' } } }
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ version: 1, trustedIssuers, servers }, null, 1))
  return loadConfiguration({ file, env: {}, stateDir: folder })
}

describe('issuers whose assertions are taken', () => {
  it('are in the snapshot, whole', async () => {
    const loaded = await load({ ci: CI })
    if (!loaded.ok) throw new Error(loaded.refusal.map(printProblem).join('\n'))
    expect(loaded.value.snapshot.trustedIssuers).toEqual([
      {
        name: 'ci',
        issuer: 'https://ci.example',
        keys: { kind: 'jwks', jwks: [KEY] },
        identityAssertions: null,
        workloads: [
          {
            clientId: 'workload:ci:build',
            name: 'build',
            audience: null,
            claims: new Map([
              ['sub', ['one']],
              ['env', ['a', 'b']],
            ]),
            scopes: ['notes:read'],
            lifetimeSecondsMax: 3_600,
            isRepeatable: false,
          },
        ],
      },
    ])
  })

  const published = { issuer: 'https://ci.example', workloads: {} }
  it.each<[string, Record<string, unknown>, string]>([
    ['no keys', { ci: published }, 'An issuer has either `jwks` or `jwksUri`.'],
    ['both keys', { ci: { ...CI, jwksUri: 'https://ci.example/keys' } }, 'An issuer has either `jwks` or `jwksUri`.'],
    ['a private key', { ci: { ...CI, jwks: [{ ...KEY, d: 'x' }] } }, 'This is not a public key.'],
    ['plain http', { ci: { ...published, jwksUri: 'http://ci.example/k' } }, 'Whoever is on the way could replace'],
    ['no URL', { ci: { ...published, jwksUri: 'keys' } }, 'This is not an https URL.'],
    ['one issuer twice', { ci: CI, again: CI }, 'This issuer is here twice.'],
    [
      'a wildcard domain',
      { ci: { ...CI, identityAssertions: { emailDomains: ['*.example.com'] } } },
      'There is no wildcard.',
    ],
    [
      'an endless assertion',
      { ci: { ...CI, identityAssertions: { lifetimeSecondsMax: 86_400 } } },
      'lifetimeSecondsMax',
    ],
    [
      'no claims',
      { ci: { ...CI, workloads: { build: { ...WORKLOAD, claims: {} } } } },
      'Everybody at this issuer would be',
    ],
    ['no scopes', { ci: { ...CI, workloads: { build: { ...WORKLOAD, scopes: [] } } } }, 'scopes'],
    [
      'a foreign scope',
      { ci: { ...CI, workloads: { build: { ...WORKLOAD, scopes: ['x:read'] } } } },
      'There is no server `x`.',
    ],
    [
      'the admin API',
      { ci: { ...CI, workloads: { build: { ...WORKLOAD, scopes: ['api:write'] } } } },
      'There is no server `api`.',
    ],
    [
      'a claim that is a number',
      { ci: { ...CI, workloads: { build: { ...WORKLOAD, claims: { sub: 1 } } } } },
      'claims',
    ],
    ['a name with a colon', { 'ci:x': CI }, 'ci:x'],
  ])('%s is refused', async (_, issuers, problem) => {
    const loaded = await load(issuers)
    expect(loaded.ok ? '' : loaded.refusal.map(printProblem).join('\n')).toContain(problem)
  })
})
