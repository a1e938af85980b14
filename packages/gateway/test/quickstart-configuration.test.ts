import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { REVIEWED_SERVERS, reviewedClasses } from '@sallyport/inspect'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadConfiguration } from '#control-plane/configuration/load.ts'
import type { Snapshot } from '#core/snapshot.ts'

const quickstart = fileURLToPath(new URL('../../../examples/quickstart/', import.meta.url))
let folder: string
let snapshot: Snapshot

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-quickstart-'))
  const token = join(folder, 'notes-token')
  writeFileSync(token, 'example-credential', { mode: 0o600 })
  const text = readFileSync(join(quickstart, 'sallyport.yaml'), 'utf8')
  // The token is made by the first `npm start`; everything else is tested as it is shipped.
  const file = join(folder, 'sallyport.yaml')
  writeFileSync(file, text.replace('../../var/notes-token', token))
  const loaded = await loadConfiguration({ file, env: {}, stateDir: folder })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.refusal))
  expect(loaded.value.warnings).toEqual([])
  snapshot = loaded.value.snapshot
})
afterEach(() => rmSync(folder, { recursive: true }))

const server = (id: string) => {
  const found = [...snapshot.servers.values()].find((entry) => entry.id === id)
  if (found === undefined) throw new Error(`no server ${id}`)
  return found
}

test('the quick start is one gateway on loopback with four servers and nothing dangerous', () => {
  expect(snapshot.publicUrl).toBe('http://127.0.0.1:8700')
  expect(snapshot.registration.mode).toBe('open')
  expect([...snapshot.servers.keys()].sort()).toEqual(['everything', 'files', 'memory', 'notes'])
  expect(snapshot.dangerousOptions).toEqual([])
})

test.each([
  ['everything', '@modelcontextprotocol/server-everything'],
  ['files', '@modelcontextprotocol/server-filesystem'],
  ['memory', '@modelcontextprotocol/server-memory'],
])('the classes of %s are those of the review of %s, tool by tool', (id, packageName) => {
  const reviewed = reviewedClasses(packageName)
  expect(reviewed.size).toBeGreaterThan(0)
  expect([...server(id).toolClasses].sort()).toEqual([...reviewed].sort())
})

test('every reviewed server runs in the quick start, over stdio, from the version that was reviewed', () => {
  for (const { packageName, version } of REVIEWED_SERVERS) {
    const specs = [...snapshot.servers.values()].map(({ upstream }) => upstream)
    const spec = specs.find((one) => one.kind === 'stdio' && one.args[0]?.includes(`/${packageName}/`))
    if (spec?.kind !== 'stdio') throw new Error(`${packageName} is not started`)
    expect(existsSync(resolve(quickstart, spec.args[0] ?? ''))).toBe(true)
    const manifest = readFileSync(resolve(quickstart, '../../node_modules', packageName, 'package.json'), 'utf8')
    expect(manifest).toContain(`"version": "${version}"`)
  }
})

test('files sees only the sample folder, memory only a folder of its user, and notes is ours on loopback', () => {
  expect(server('files').upstream).toMatchObject({ args: [expect.any(String), 'files'] })
  expect(existsSync(join(quickstart, 'files', 'welcome.md'))).toBe(true)
  const { upstream } = server('memory')
  expect(upstream.kind === 'stdio' && upstream.env.get('MEMORY_FILE_PATH')).toBe('${userDir}/memory.json')
  const notes = server('notes').upstream
  expect(notes).toMatchObject({ kind: 'http', url: 'http://127.0.0.1:8701/mcp', network: 'loopback' })
  expect(notes.kind === 'http' && notes.headers.get('Authorization')?.reveal()).toBe('Bearer example-credential')
})
