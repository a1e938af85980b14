import { spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'

/**
 * `node stdio-tap.ts FILE COMMAND ARGS...`: stands in for the server that a client starts, starts the real one, hands every byte on as it
 * came, and notes each line in FILE in the order in which it passed.
 */
const [file = '', command = '', ...args] = process.argv.slice(2)
const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
tap(process.stdin, child.stdin, 'client')
tap(child.stdout, process.stdout, 'server')
child.stdin.on('error', () => {})
child.once('exit', (code) => process.exit(code ?? 1))
process.once('SIGTERM', () => child.kill('SIGTERM'))

function tap(from: Readable, to: Writable, at: 'client' | 'server'): void {
  let rest = Buffer.alloc(0)
  from.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const bytes = rest.subarray(0, end)
      rest = rest.subarray(end + 1)
      const line = bytes.toString()
      if (!Buffer.from(line).equals(bytes)) throw new Error('what passed is not UTF-8')
      appendFileSync(file, `${JSON.stringify({ at, line })}\n`)
    }
    to.write(chunk)
  })
  from.once('end', () => to.end())
}
