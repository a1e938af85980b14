import { expect, test } from 'vitest'
import type { Snapshot } from '#core/snapshot.ts'
import { pageHeaders } from '#http/page-headers.ts'
import type { Interaction } from '../interactions.ts'
import { keepsOpener } from './keeps-opener.ts'

test.each([
  ['https://app.example/callback', true],
  ['https://app.example.evil.example/callback', false],
  ['http://app.example/callback', false],
  ['https://other.example/callback', false],
  ['cursor://app.example/callback', false],
  ['not a url', false],
])('a client at %s keeps its opener: %s', (redirectUri, keeps) => {
  // Only these two fields are read.
  const interaction = { redirectUri } as Interaction
  const snapshot = { allowedOrigins: new Set(['https://app.example', 'null']) } as unknown as Snapshot
  expect(keepsOpener(interaction, snapshot)).toBe(keeps)
  expect(pageHeaders({ keepsOpener: keeps })['cross-origin-opener-policy']).toBe(keeps ? 'unsafe-none' : 'same-origin')
})
