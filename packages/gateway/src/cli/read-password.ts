import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { CliFailure, EXIT } from './exit-codes.ts'
import type { CliIo } from './io.ts'

const PASSWORD_BYTES_MAX = 4_096

/**
 * A password from `--password-file` (`-` is standard input), or asked for on a terminal without showing it. Null asks for a generated
 * one: nothing was typed, or there is nobody to ask. Never from the command line, where every user of the machine can read it.
 */
export async function readPassword(file: string | undefined, io: CliIo): Promise<string | null> {
  if (file === '-') return clean(await readAll(io))
  if (file !== undefined) return clean(await readFileOnce(resolve(io.cwd ?? process.cwd(), file)))
  if (io.stdin.isTTY !== true || io.stdin.setRawMode === undefined) return null
  const first = await askHidden('Password (Enter alone generates one): ', io)
  if (first === '') return null
  if ((await askHidden('Again: ', io)) !== first) throw new CliFailure(EXIT.usage, 'The two passwords differ.')
  return first
}

function clean(text: string): string {
  const password = text.replace(/\r?\n$/, '')
  if (password === '') throw new CliFailure(EXIT.usage, 'The password is empty.')
  if (/[\r\n]/.test(password)) throw new CliFailure(EXIT.usage, 'The password has more than one line.')
  return password
}

async function readFileOnce(file: string): Promise<string> {
  let handle: Awaited<ReturnType<typeof open>> | null = null
  try {
    handle = await open(file, 'r')
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(PASSWORD_BYTES_MAX + 1))
    if (bytesRead > PASSWORD_BYTES_MAX) throw new CliFailure(EXIT.usage, 'The password file is too large.')
    return buffer.toString('utf8', 0, bytesRead)
  } catch (cause) {
    if (cause instanceof CliFailure) throw cause
    throw new CliFailure(EXIT.usage, `The password file cannot be read: ${file}`, { cause })
  } finally {
    await handle?.close()
  }
}

async function readAll({ stdin }: CliIo): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk as Uint8Array | string) // a readable without object mode gives these two
    size += bytes.length
    if (size > PASSWORD_BYTES_MAX) throw new CliFailure(EXIT.usage, 'The password is too long.')
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const CTRL_C = '\u0003'
const CTRL_D = '\u0004'
const BACKSPACES: ReadonlySet<string> = new Set(['\u007f', '\b'])

/** One line from a terminal in raw mode, so that nothing is echoed. Ctrl-C ends the command. */
async function askHidden(question: string, { stdin, stderr }: CliIo): Promise<string> {
  stderr.write(question)
  stdin.setRawMode?.(true)
  stdin.setEncoding('utf8')
  let text = ''
  return new Promise<string>((resolve, reject) => {
    const finish = (settle: () => void) => {
      stdin.off('data', onData)
      stdin.setRawMode?.(false)
      stdin.pause()
      stderr.write('\n')
      settle()
    }
    const onData = (chunk: string) => {
      for (const character of chunk) {
        if (character === CTRL_C) return finish(() => reject(new CliFailure(EXIT.usage, 'Interrupted.')))
        if (character === '\r' || character === '\n' || character === CTRL_D) return finish(() => resolve(text))
        if (BACKSPACES.has(character)) text = [...text].slice(0, -1).join('')
        else if (text.length < PASSWORD_BYTES_MAX) text += character
      }
    }
    stdin.on('data', onData)
    stdin.resume()
  })
}
