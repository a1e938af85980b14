import { expect, it } from 'vitest'
import { clientDigest } from './client-digest.ts'
import type { ClientMetadataWire } from './registry.ts'

const client = (more: Partial<ClientMetadataWire> = {}): ClientMetadataWire => ({
  client_name: 'Files',
  redirect_uris: ['https://files.example.com/a', 'https://files.example.com/b'],
  application_type: 'web',
  grant_types: ['authorization_code'],
  response_types: ['code'],
  token_endpoint_auth_method: 'tls_client_auth',
  tls_client_auth_san_dns: 'files.example.com',
  ...more,
})

it.each<[string, Partial<ClientMetadataWire>]>([
  ['another name', { client_name: 'Notes' }],
  ['another redirect URI', { redirect_uris: ['https://files.example.com/a', 'https://evil.example/b'] }],
  ['another method', { token_endpoint_auth_method: 'none' }],
  ['another name in its certificate', { tls_client_auth_san_dns: 'evil.example' }],
  ['keys', { jwks: { keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'x' }] } }],
  ['the address of its keys', { jwks_uri: 'https://files.example.com/keys' }],
])('%s is asked about again', (_, change) => {
  expect(clientDigest(client(change))).not.toBe(clientDigest(client()))
})

it('the same name in another place of a certificate is another subject', () => {
  const { tls_client_auth_san_dns: _, ...rest } = client()
  expect(clientDigest({ ...rest, tls_client_auth_san_uri: 'files.example.com' })).not.toBe(clientDigest(client()))
})

it('order does not matter', () => {
  const turned = { redirect_uris: client().redirect_uris.toReversed() }
  expect(clientDigest(client(turned))).toBe(clientDigest(client()))
})
