import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('fixture/main.ts', import.meta.url))

export interface FixtureProcess {
  readonly url: string
  stop(): Promise<void>
}

/** Starts the fixture server as a process of its own, on a free loopback port. */
export async function startFixture(): Promise<FixtureProcess> {
  const child = spawn(process.execPath, [MAIN, '--ends-with-stdin'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const [url] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    ended.then(([code]) => Promise.reject(new Error(`the fixture ended with ${String(code)}`))),
  ])
  return {
    url: String(url),
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}
