import { expect, it } from 'vitest'
import { rootCertificate } from '../../../test/support/certificates.ts'
import { subjectMatches } from './subject-matches.ts'

const { cert } = rootCertificate().issue({
  commonName: 'billing, agent',
  organization: 'Example',
  names: ['agent.example', '10.0.0.7'],
  uris: ['spiffe://example/billing'],
})

it.each([
  ['tls_client_auth_subject_dn', 'CN=billing\\, agent,O=Example'],
  ['tls_client_auth_subject_dn', 'cn = billing\\, agent , o=Example'],
  ['tls_client_auth_san_dns', 'AGENT.example'],
  ['tls_client_auth_san_ip', '10.0.0.7'],
  ['tls_client_auth_san_uri', 'spiffe://example/billing'],
])('%s %s is the client', (property, expected) => {
  expect(subjectMatches(cert, property, expected)).toBe(true)
})

it.each([
  ['tls_client_auth_subject_dn', 'O=Example,CN=billing\\, agent'],
  ['tls_client_auth_subject_dn', 'CN=billing'],
  ['tls_client_auth_subject_dn', 'CN=Billing\\, agent,O=Example'],
  ['tls_client_auth_subject_dn', ''],
  ['tls_client_auth_san_dns', '*.example'],
  ['tls_client_auth_san_dns', 'example'],
  ['tls_client_auth_san_dns', 'agent.example.evil'],
  ['tls_client_auth_san_ip', '10.0.0.70'],
  ['tls_client_auth_san_ip', 'agent.example'],
  ['tls_client_auth_san_uri', 'spiffe://example'],
  ['tls_client_auth_san_email', 'agent.example'],
  ['tls_client_auth_issuer', 'test'],
])('%s %s is somebody else', (property, expected) => {
  expect(subjectMatches(cert, property, expected)).toBe(false)
})
