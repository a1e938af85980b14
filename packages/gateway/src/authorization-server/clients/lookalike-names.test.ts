import { describe, expect, test } from 'vitest'
import { findLookalikes, type NamedClient, skeleton } from './lookalike-names.ts'

const client = (name: string, redirectUris: readonly string[], clientIdHost: string | null = null): NamedClient => ({
  name,
  redirectUris,
  clientIdHost,
})
const LOCAL = ['http://127.0.0.1/callback']
const EVIL = ['https://evil.example/cb']

describe('honest clients get no warning', () => {
  test.each([
    client('Claude Code', ['http://localhost:3118/callback']),
    client('Claude Code (everything)', LOCAL),
    client('Claude', ['https://claude.ai/api/mcp/auth_callback']),
    client('Claude', ['https://claude.com/api/mcp/auth_callback'], 'claude.ai'),
    client('Claude Code', LOCAL, 'claude.ai'),
    client('Cursor', [
      'https://www.cursor.com/agents/mcp/oauth/callback',
      'cursor://anysphere.cursor-mcp/oauth/callback',
      'http://localhost:8787/callback',
    ]),
    client('Visual Studio Code', ['https://vscode.dev/redirect', 'http://127.0.0.1:33418/']),
    client('ChatGPT', ['https://chatgpt.com/connector_platform_oauth_redirect']),
    client('MCP Inspector', ['http://localhost:6274/oauth/callback']),
    client('MCP CLI Proxy', LOCAL),
    client('Codex', LOCAL),
    client('Organized Notes', EVIL),
    client('Cloudy weather', EVIL),
    client('Unnamed client', EVIL),
  ])('$name at $redirectUris', (honest) => {
    expect(findLookalikes(honest, [])).toEqual([])
  })
})

describe('a well-known name that leads elsewhere, or is only painted to look like one, is named', () => {
  test.each<[string, readonly string[], string]>([
    ['Claude', EVIL, 'Claude'],
    ['claude', EVIL, 'Claude'],
    ['Claude Code', EVIL, 'Claude'],
    ['Claude (official)', EVIL, 'Claude'],
    ['Claude', ['https://claude.ai.evil.example/cb'], 'Claude'],
    ['Claude', ['https://notclaude.ai/cb'], 'Claude'],
    ['Claude', ['https://claude.ai/cb', 'https://evil.example/cb'], 'Claude'],
    ['Claude', ['com.evil.app:/cb'], 'Claude'],
    ['C\u0406aude', LOCAL, 'Claude'],
    ['CIaude', LOCAL, 'Claude'],
    ['C1aude', LOCAL, 'Claude'],
    ['Cl\u0430ude', LOCAL, 'Claude'],
    ['\u0421l\u0430ud\u0435 C\u043ede', LOCAL, 'Claude'],
    ['C l a u d e', LOCAL, 'Claude'],
    ['Cla\u200bude', EVIL, 'Claude'],
    ['\uff23\uff4c\uff41\uff55\uff44\uff45', LOCAL, 'Claude'],
    ['\u{1d402}\u{1d425}\u{1d41a}\u{1d42e}\u{1d41d}\u{1d41e}', LOCAL, 'Claude'],
    ['Claud\u00e9', LOCAL, 'Claude'],
    ['Cluade', EVIL, 'Claude'],
    ['Curs0r', LOCAL, 'Cursor'],
    ['Cursor', ['http://127.0.0.1/cb', 'vscode://evil/cb'], 'Cursor'],
    ['ChatGPT', EVIL, 'ChatGPT'],
    ['Visual Studio C0de', LOCAL, 'Visual Studio Code'],
    ['G\u03bf\u03bfgle', LOCAL, 'Google'],
    ['Zed', EVIL, 'Zed'],
    ['\u0392lo', EVIL, ''],
  ])('%j at %j reads as %s', (name, redirects, expected) => {
    expect(findLookalikes(client(name, redirects), []).includes(expected)).toBe(expected !== '')
  })

  test('a document’s host speaks for its name, not its redirects', () => {
    expect(findLookalikes(client('Claude', LOCAL, 'evil.example'), [])).toEqual(['Claude'])
    expect(findLookalikes(client('Claude', ['https://claude.ai/cb'], 'evil.example'), [])).toEqual(['Claude'])
  })

  test('at most three names are shown', () => {
    expect(findLookalikes(client('Claude ChatGPT Cursor Gemini Copilot', EVIL), [])).toHaveLength(3)
  })
})

describe('names of other clients of this gateway', () => {
  const other = client('Payroll Assistant', ['https://payroll.example/cb'])

  test('the same name painted, or leading elsewhere, is named', () => {
    expect(findLookalikes(client('P\u0430yroll Assistant', ['https://payroll.example/cb']), [other])).toEqual([
      'Payroll Assistant',
    ])
    expect(findLookalikes(client('payroll-assistant', EVIL), [other])).toEqual(['Payroll Assistant'])
    expect(findLookalikes(client('Payroll Assistant', EVIL), [other])).toEqual(['Payroll Assistant'])
  })

  test('the same program registered once more is not', () => {
    expect(findLookalikes(client('Payroll Assistant', ['https://payroll.example/other']), [other])).toEqual([])
    const local = client('My agent', ['http://127.0.0.1:1/cb', 'http://localhost:2/'])
    expect(findLookalikes(client('My agent', ['http://localhost:9/x']), [local])).toEqual([])
  })

  test('a different name is not', () => {
    expect(findLookalikes(client('Payroll Reports', EVIL), [other])).toEqual([])
  })
})

test('what is not written in Latin letters keeps a skeleton of its own', () => {
  expect(skeleton('日本語クライアント')).not.toBe('')
  expect(skeleton('日本語クライアント')).not.toBe(skeleton('別のクライアント'))
  expect(skeleton('\u200b\u202e ')).toBe('')
})
