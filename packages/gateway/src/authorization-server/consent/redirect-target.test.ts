import { expect, test } from 'vitest'
import { isThisComputer, isWebUrl, redirectTarget } from './redirect-target.ts'

test.each([
  ['https://claude.ai/api/mcp/auth_callback', 'claude.ai', true, false],
  ['https://claude.ai@evil.example/', 'evil.example', true, false],
  ['https://evil.example\\@claude.ai/', 'evil.example', true, false],
  ['https://claude.ai.evil.example/?https://claude.ai', 'claude.ai.evil.example', true, false],
  ['https://сlaude.ai/', 'xn--laude-0ye.ai', true, false],
  ['https://127.0.0.1.evil.example/', '127.0.0.1.evil.example', true, false],
  ['https://localhost.evil.example/', 'localhost.evil.example', true, false],
  ['http://127.0.0.1:33418/callback', '127.0.0.1:33418', true, true],
  ['http://[::1]:33418/callback', '[::1]:33418', true, true],
  ['http://localhost/callback', 'localhost', true, true],
  ['cursor://anysphere.cursor-retrieval/callback', 'cursor:', false, false],
  ['com.example.app:/callback', 'com.example.app:', false, false],
])('%s goes to %s', (uri, target, isWeb, isHere) => {
  expect(redirectTarget(uri)).toBe(target)
  expect(isWebUrl(uri)).toBe(isWeb)
  expect(isThisComputer(uri)).toBe(isHere)
})
