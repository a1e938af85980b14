import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { findViolations, type SourceFile } from './layering/find-violations.ts'
import { FOLDERS_WITHOUT_A_NOUN, MAY_IMPORT, ONLY_IN } from './layering/rules.ts'

const workspace = fileURLToPath(new URL('../../..', import.meta.url))
const source = join(workspace, 'packages', 'gateway', 'src')

/** Far below what is there: a guard that looked at nothing must not be green. */
const FILES_AT_LEAST = 50
const IMPORTS_AT_LEAST = 150

test('imports inside the gateway point one way, and guarded packages stay in their place', () => {
  const files = sourceFiles(source)
  const { imports, violations } = findViolations(files)
  expect(files.length).toBeGreaterThan(FILES_AT_LEAST)
  expect(imports).toBeGreaterThan(IMPORTS_AT_LEAST)
  expect(violations).toEqual([])
})

test('inspect is pure: it imports nothing but itself', () => {
  const files = sourceFiles(join(workspace, 'packages', 'inspect', 'src'))
  expect(files.length).toBeGreaterThan(5)
  for (const { path, text } of files) {
    const modules = [...text.matchAll(/\bfrom '([^']+)'|\bimport\(/g)].map((match) => match[1] ?? 'a computed import')
    expect(
      modules.filter((name) => !name.startsWith('./') && !name.startsWith('../')),
      path,
    ).toEqual([])
    expect(text, path).not.toMatch(/\b(?:process\.(?:env|argv|cwd)|require\(|fetch\()/)
  }
})

test('no folder is called by a name that says nothing', () => {
  const folders = ['packages', 'examples', 'scripts'].flatMap((top) => foldersBelow(join(workspace, top)))
  expect(folders.length).toBeGreaterThan(20)
  expect(folders.filter((folder) => FOLDERS_WITHOUT_A_NOUN.includes(folder.split(sep).at(-1) ?? ''))).toEqual([])
})

test('the table has no cycle: every part imports only parts that do not, by any way, import it', () => {
  const reach = (part: string, seen = new Set<string>()): Set<string> => {
    for (const next of MAY_IMPORT[part] ?? []) {
      if (!seen.has(next)) reach(next, seen.add(next))
    }
    return seen
  }
  for (const part of Object.keys(MAY_IMPORT)) {
    expect([...reach(part)], part).not.toContain(part)
    for (const next of MAY_IMPORT[part] ?? []) expect(Object.keys(MAY_IMPORT)).toContain(next)
  }
  const planes = ['data-plane', 'authorization-server', 'control-plane']
  for (const plane of planes) {
    expect([...reach(plane)].filter((part) => [...planes, 'store', 'serve', 'cli', 'main'].includes(part))).toEqual([])
  }
  expect([...reach('policy')].sort()).toEqual(['core', 'wire'])
})

test.each<[broken: string, path: string, text: string]>([
  ['core imports anything', 'core/x.ts', "import { a } from '#wire/a.ts'"],
  ['policy imports a port', 'policy/x.ts', "import type { A } from '#store/ports/a.ts'"],
  ['one plane imports another', 'data-plane/x.ts', "import { a } from '#control-plane/a.ts'"],
  [
    'a plane imports the other by a relative path',
    'data-plane/x.ts',
    "import { a } from '../authorization-server/a.ts'",
  ],
  ['a plane imports a store engine', 'control-plane/x.ts', "import { a } from '#store/sqlite/open.ts'"],
  ['the middle imports a plane', 'identity/x.ts', "import { a } from '#data-plane/a.ts'"],
  ['somebody imports the composition root', 'cli/x.ts', "import '#main.ts'"],
  ['a re-export', 'wire/x.ts', "export * from '#policy/a.ts'"],
  ['a type import over several lines', 'core/x.ts', "import type {\n  A,\n  B,\n} from '#audit/a.ts'"],
  ['a dynamic import', 'core/x.ts', "const a = await import('#audit/a.ts')"],
  ['a computed dynamic import', 'core/x.ts', 'const a = await import(name)'],
  ['a worker by URL', 'core/x.ts', "new Worker(new URL('../audit/a.ts', import.meta.url))"],
  ['a worker by a conditional URL', 'core/x.ts', "new URL(isTs ? '../audit/a.ts' : '../audit/a.js', import.meta.url)"],
  ['a relative path into another folder', 'wire/x.ts', "import { a } from '../core/a.ts'"],
  ['a path out of src', 'core/x.ts', "import { a } from '../../test/a.ts'"],
  ['an import of a test', 'core/x.ts', "import { a } from './a.test.ts'"],
  ['an import without extension', 'core/x.ts', "import { a } from './a'"],
  ['a folder that no rule knows', 'plugins/x.ts', "import { a } from '#core/a.ts'"],
  ['the engine outside its folder', 'authorization-server/x.ts', "import Provider from 'oidc-provider'"],
  ['a deep import of the engine', 'data-plane/x.ts', "import a from 'oidc-provider/lib/a.js'"],
  ['SQL outside the store', 'audit/x.ts', "import { sql } from 'kysely'"],
  ['the database outside the store', 'audit/x.ts', "import { DatabaseSync } from 'node:sqlite'"],
  ['outbound HTTP outside net', 'data-plane/upstream/x.ts', "import { Pool } from 'undici'"],
  ['processes outside upstream', 'audit/x.ts', "import { spawn } from 'node:child_process'"],
  ['a module that nobody may import', 'data-plane/x.ts', "import vm from 'node:vm'"],
  ['the environment', 'data-plane/x.ts', "const a = process.env['A']"],
  ['the arguments', 'serve/x.ts', 'const [, , a] = process.argv'],
  ['the environment under another name', 'serve/x.ts', "import { env } from 'node:process'"],
])('the guard catches: %s', (_broken, path, text) => {
  expect(findViolations([{ path, text }]).violations).toHaveLength(1)
})

test.each<[allowed: string, path: string, text: string]>([
  ['a plane imports the middle', 'data-plane/x.ts', "import { a } from '#identity/a.ts'\nimport { b } from './b.ts'"],
  ['the engine in its folder', 'authorization-server/engine/x.ts', "import Provider from 'oidc-provider'"],
  ['the environment in main', 'main.ts', 'run(process.argv, process.env)'],
  ['a comment about the environment', 'core/x.ts', '// only main.ts reads process.env\nexport const a = 1'],
  ['a package whose name begins alike', 'core/x.ts', "import a from 'undici-types'"],
])('the guard lets pass: %s', (_allowed, path, text) => {
  expect(findViolations([{ path, text }]).violations).toEqual([])
})

test('each guarded package of ours is one that the gateway really has', () => {
  const manifest = readFileSync(join(workspace, 'packages', 'gateway', 'package.json'), 'utf8')
  for (const name of Object.keys(ONLY_IN).filter((one) => !one.startsWith('node:'))) {
    expect(manifest).toContain(`"${name}":`)
  }
})

function sourceFiles(folder: string): SourceFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ path: relative(folder, file).split(sep).join('/'), text: readFileSync(file, 'utf8') }))
}

function foldersBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !['node_modules', 'dist'].includes(entry.name))
    .flatMap((entry) => [join(folder, entry.name), ...foldersBelow(join(folder, entry.name))])
}
