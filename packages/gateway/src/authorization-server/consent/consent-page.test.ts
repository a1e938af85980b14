import { describe, expect, test } from 'vitest'
import { asClientId, asSubjectId, DEFAULT_TENANT } from '#core/ids.ts'
import { adminApi } from '#policy/admin-api.ts'
import type { Account } from '#store/ports/accounts.ts'
import { testRole, testServer, testSnapshot } from '../../../test/support/snapshot.ts'
import type { ClientDescription, Interaction } from '../interactions.ts'
import { consentPage } from './consent-page.ts'
import { scopeChoices } from './scope-choices.ts'

const NOW = 1_800_000_000
const server = testServer('notes', { title: 'Team notes', resource: 'https://mcp.example.com/mcp/notes' })
const roles = [testRole('writer', { '*': ['write'] }), { ...testRole('chief', {}), admin: 'operator' as const }]
const snapshot = testSnapshot({
  publicUrl: 'https://mcp.example.com',
  roles: new Map(roles.map((role) => [role.name, role])),
})
const account: Account = {
  tenant: DEFAULT_TENANT,
  subject: asSubjectId('subject-1'),
  username: 'alice',
  displayName: 'Alice',
  passwordHash: 'none',
  roles: ['writer', 'chief'],
  status: 'active',
  createdAt: NOW,
  passwordChangedAt: NOW,
}
const CLIENT: ClientDescription = {
  name: 'Code Editor',
  clientIdHost: null,
  clientUri: null,
  kind: 'dynamic',
  digest: null,
  isLocalhostOnly: false,
  lookalikes: [],
  registeredAt: null,
}

/** The page as somebody reads it: tags taken away, white space folded. */
function shown(client: Partial<ClientDescription>, interaction: Partial<Interaction> = {}): string {
  const scopes = interaction.scopesRequested ?? ['notes:read']
  const page = consentPage({
    interaction: {
      uid: 'uid-1',
      prompt: 'consent',
      clientId: asClientId('client-1'),
      client: { ...CLIENT, ...client },
      redirectUri: 'https://editor.example/callback',
      server,
      scopesRequested: scopes,
      scopesUnknown: [],
      demand: { multiFactor: false, maxAgeSeconds: null },
      login: null,
      subject: account.subject,
      ...interaction,
    },
    account,
    choices: scopeChoices(snapshot, account.roles, interaction.server ?? server, scopes),
    snapshot,
    nowSeconds: NOW,
    formToken: 'token',
  })
  return page
    .replace(/<style[\s\S]*?<\/style>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&#39;', "'")
    .replace(/\s+/g, ' ')
}

describe('the consent page tells a person', () => {
  test('which app, where its answer goes, for which server, as whom and for what', () => {
    const page = shown({})
    expect(page).toContain('Allow Code Editor to use Team notes?')
    expect(page).toContain('Access goes to editor.example https://editor.example/callback')
    expect(page).toContain('https://mcp.example.com/mcp/notes')
    expect(page).toContain('Alice (alice)')
    expect(page).toContain('notes:read')
    expect(page).toContain('You may also allow')
    expect(page).not.toContain('Look twice')
  })

  test.each([
    [
      ['api:read'],
      'Allow Code Editor to read this gateway’s records?',
      'Code Editor could read who uses the gateway, with which apps, and its log',
    ],
    [
      ['api:read', 'api:write'],
      'Allow Code Editor to administer this gateway?',
      'Code Editor could administer it in your name: change accounts, apps and permissions',
    ],
  ])('that %j are about the gateway itself, strongly marked', (scopesRequested, title, warning) => {
    const page = shown({}, { server: adminApi(snapshot), scopesRequested })
    expect(page).toContain(title)
    expect(page).toContain('Look twice This is about the gateway itself, not about a server behind it.')
    expect(page).toContain(warning)
    expect(page).toContain('Gateway Sallyport admin API https://mcp.example.com/api/v1')
    expect(page).toContain('Read the gateway’s records far-reaching api:read')
    expect(page).toContain('Administer the gateway far-reaching api:write')
    expect(page).toContain(
      'Permission to administer ends by itself after 5 minutes, permission to read alone after 4 hours.',
    )
  })

  test('that nobody has checked the name of an app that registered itself', () => {
    expect(shown({})).toContain('The app chose this name itself. Nobody has checked it.')
  })

  test('the host that publishes the app, where its id is a document', () => {
    expect(shown({ kind: 'metadataDocument', clientIdHost: 'editor.example' })).toContain(
      'Published by editor.example , which vouches for the name.',
    )
  })

  test('that any program of this machine could claim to be an app whose redirects are all local', () => {
    const page = shown({ isLocalhostOnly: true }, { redirectUri: 'http://127.0.0.1:5000/callback' })
    expect(page).toContain('Any app on this computer can claim to be Code Editor')
    expect(page).toContain('An app on this computer, at 127.0.0.1')
  })

  test('whose name this one resembles, and that the app is new', () => {
    const page = shown({ lookalikes: ['Claude Code'], registeredAt: NOW - 90 })
    expect(page).toContain('The name resembles “Claude Code”, but this is a different app.')
    expect(page).toMatch(/This app registered itself with the gateway .+ ago\./)
  })

  test('what was asked for and is not given: unknown scopes, and those beyond the role', () => {
    const page = shown({}, { scopesRequested: ['notes:read', 'notes:admin'], scopesUnknown: ['openid'] })
    expect(page).toContain('beyond what your account may give: notes:admin')
    expect(page).toContain('Also asked for, but unknown here and left out: openid')
  })
})
