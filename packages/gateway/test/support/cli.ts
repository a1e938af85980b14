import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { runCli } from '#cli/run.ts'

export interface CliRun {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface TestCli {
  readonly folder: string
  run(argv: readonly string[], given?: { env?: Record<string, string>; stdin?: string }): Promise<CliRun>
  remove(): void
}

/** The command line in a folder of its own, with streams that remember. */
export function createTestCli(): TestCli {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-cli-')))
  return {
    folder,
    run: async (argv, { env = {}, stdin = '' } = {}) => {
      const [out, err] = [remember(), remember()]
      const code = await runCli(argv, env, {
        stdin: Readable.from([stdin]),
        stdout: out.stream,
        stderr: err.stream,
        cwd: folder,
      })
      return { code, out: out.text(), err: err.text() }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function remember(): { readonly stream: Writable; text(): string } {
  const chunks: string[] = []
  return {
    stream: new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        chunks.push(chunk.toString('utf8'))
        done()
      },
    }),
    text: () => chunks.join(''),
  }
}
