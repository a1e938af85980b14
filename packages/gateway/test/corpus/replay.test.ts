import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { ALLOWED_REWRITES } from './allowed-rewrites.ts'
import { ENDS_HERE, STREAM_REWRITES } from './ends-here.ts'
import { readRecording, recordingNames } from './recording.ts'
import { replay } from './replay.ts'

const names = await recordingNames()
const used = new Set<string>()

const allowed = [...ALLOWED_REWRITES, ...ENDS_HERE, ...Object.values(STREAM_REWRITES)]

describe('what real clients and servers said to each other', () => {
  it.each(names)('%s crosses the gateway with nothing changed but what is written down', async (name) => {
    for (const rewrite of await replay(await readRecording(name))) used.add(rewrite)
  })

  it('needs every rewrite that is allowed', () => {
    expect(names.length).toBeGreaterThan(10)
    expect(allowed.map(({ name }) => name).filter((name) => !used.has(name))).toEqual([])
  })

  it('is told in the README, each rewrite with its reason', async () => {
    const readme = await readFile(new URL('README.md', import.meta.url), 'utf8')
    for (const { name, why } of allowed) expect(readme).toContain(`| ${name} | ${why} |`)
  })

  it.each(names)('%s tells nothing of the machine on which it was recorded, and holds no credential', async (name) => {
    const text = await readFile(new URL(`recordings/${name}.jsonl`, import.meta.url), 'utf8')
    expect(text.match(/\/(?:home|root|Users|work|private|var)\/|file:\/\/\/(?!project)|[A-Z]:\\\\/)).toBeNull()
    // A client looks for an authorization server before it finds that it needs none.
    const besides = text.replaceAll('/.well-known/oauth-authorization-server', '')
    expect(besides.match(/authorization|cookie|bearer|secret/i)).toBeNull()
  })
})
