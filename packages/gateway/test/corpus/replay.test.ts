import { describe, expect, it } from 'vitest'
import { ALLOWED_REWRITES } from './allowed-rewrites.ts'
import { ENDS_HERE, STREAM_REWRITES } from './ends-here.ts'
import { readRecording, recordingNames } from './recording.ts'
import { replay } from './replay.ts'

const names = await recordingNames()
const used = new Set<string>()

describe('what real clients and servers said to each other', () => {
  it.each(names)('%s crosses the gateway with nothing changed but what is written down', async (name) => {
    for (const rewrite of await replay(await readRecording(name))) used.add(rewrite)
  })

  it('needs every rewrite that is allowed', () => {
    expect(names.length).toBeGreaterThan(10)
    const allowed = [...ALLOWED_REWRITES, ...ENDS_HERE, ...Object.values(STREAM_REWRITES)].map(({ name }) => name)
    expect(allowed.filter((name) => !used.has(name))).toEqual([])
  })
})
