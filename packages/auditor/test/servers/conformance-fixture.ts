import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../../gateway/test/conformance/fixture/main.ts', import.meta.url))

/** The server that the official conformance suite is run against: both eras, every feature, for everybody. */
export async function startConformanceFixture(): Promise<AsyncDisposable & { readonly url: string }> {
  const child = spawn(process.execPath, [MAIN, '--ends-with-stdin'], { stdio: ['pipe', 'pipe', 'ignore'] })
  const ended = once(child, 'exit')
  const [url] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    ended.then(([code]) => Promise.reject(new Error(`the fixture ended with ${String(code)}`))),
  ])
  return {
    url: String(url),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await ended
    },
  }
}
