import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { endOrphans } from './end-orphans.ts'

const IDLE = 'setInterval(() => {}, 1000); console.log("up")'

function start(home: string) {
  const child = spawn(process.execPath, ['-e', IDLE], {
    env: { HOME: home },
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  return { child, exited: once(child, 'exit'), isUp: once(child.stdout, 'data') }
}

it('ends what an earlier gateway left running, and nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'orphans-'))
  const runDir = join(folder, 'run')
  const orphan = start(join(runDir, 'child-abc123'))
  const stranger = start(join(folder, 'run-elsewhere', 'child-abc123'))
  try {
    await Promise.all([orphan.isUp, stranger.isUp])
    expect(await endOrphans(runDir)).toBe(1)
    expect(await orphan.exited).toEqual([null, 'SIGKILL'])
    expect([stranger.child.exitCode, stranger.child.signalCode]).toEqual([null, null])
    expect(await endOrphans(runDir)).toBe(0)
  } finally {
    orphan.child.kill('SIGKILL')
    stranger.child.kill('SIGKILL')
    await rm(folder, { recursive: true })
  }
})
