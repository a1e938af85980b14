import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { createProgram } from '#cli/run.ts'
import { loadConfiguration } from '#control-plane/configuration/load.ts'
import { printProblem } from '#control-plane/configuration/problem.ts'
import { selfSignedCertificate } from './support/self-signed.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  ...['docs', 'docs/guides'].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  ),
]

const pages = PAGES.map((page) => ({ page, text: readFileSync(join(ROOT, page), 'utf8') }))
const configurations = pages.flatMap(({ page, text }) =>
  blocks(text, 'yaml')
    .filter((yaml) => /^version: 1$/m.test(yaml))
    .map((yaml, index) => ({ name: `${page} (${index + 1})`, yaml })),
)
const commands = pages.flatMap(({ page, text }) =>
  blocks(text, 'sh').flatMap((block) =>
    block
      .split(/\n|\|/)
      .map((line) => /^\s*(?:npx )?sallyport (.*)$/.exec(line.replace(/\s#.*$/, ''))?.[1])
      .filter((line) => line !== undefined)
      .map((line) => ({ page, line })),
  ),
)

describe('a configuration in the documentation', () => {
  it('is there to be checked', () => {
    expect(configurations.length).toBeGreaterThan(6)
  })

  it.each(configurations)('$name can be used as it stands', async ({ yaml }) => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-documentation-'))
    try {
      const file = join(folder, 'sallyport.yaml')
      writeFileSync(file, yaml)
      for (const [, path = ''] of yaml.matchAll(/\$\{file:([^}]+)\}/g))
        writePrivate(folder, path, 'an-example-as-long-as-a-secret-has-to-be')
      for (const [, path = ''] of yaml.matchAll(/file: ([^\s,}]+\.yaml)/g))
        writePrivate(folder, path, 'version: 1\nservers: { notes: { http: { url: https://notes.example.com/mcp } } }\n')
      const { cert, key } = selfSignedCertificate(['mcp.example.com'])
      for (const [, path = ''] of yaml.matchAll(/certificateFile: ([^\s,}]+)/g)) writePrivate(folder, path, cert)
      for (const [, path = ''] of yaml.matchAll(/privateKeyFile: ([^\s,}]+)/g)) writePrivate(folder, path, key)
      const loaded = await loadConfiguration({ file, env: {}, stateDir: folder })
      expect(loaded.ok ? [] : loaded.refusal.map(printProblem)).toEqual([])
      if (loaded.ok) expect(loaded.value.warnings.map(printProblem)).toEqual([])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('a command in the documentation', () => {
  const sink = () => new Writable({ write: (_chunk, _encoding, done) => done() })
  const program = createProgram({
    env: {},
    io: { stdin: Readable.from([]), stdout: sink(), stderr: sink() },
    finish: () => undefined,
  })

  it('is there to be checked', () => {
    expect(commands.length).toBeGreaterThan(10)
  })

  it.each(commands)('$page: sallyport $line', ({ line }) => {
    const words = line.split(/\s+/).filter((word) => word !== '')
    let at: Command = program
    while (at.commands.length > 0 && !words[0]?.startsWith('-')) {
      const word = words.shift()
      const next = at.commands.find((command) => command.name() === word)
      if (next === undefined) throw new Error(`there is no command ${word ?? ''}`)
      at = next
    }
    const known = ['--help', ...at.options.flatMap(({ long, short }) => [long, short])]
    for (const word of words.filter((one) => one.startsWith('--'))) expect(known).toContain(word)
  })
})

it('links between pages lead somewhere', () => {
  const missing = pages.flatMap(({ page, text }) =>
    [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !existsSync(resolve(ROOT, dirname(page), target)))
      .map((target) => `${page}: ${target}`),
  )
  expect(missing).toEqual([])
})

function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, body = '']) => body)
}

function writePrivate(folder: string, path: string, content: string): void {
  const file = join(folder, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content, { mode: 0o600 })
}
