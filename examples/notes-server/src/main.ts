import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { openNotebook } from './notebook.ts'
import { serveHttp } from './serve-http.ts'

const HELP = `Serves a small notebook over MCP (Streamable HTTP) on loopback.

  node dist/main.js [--port N] [--file FILE] [--token-file FILE] [--exit-with-parent]

  --port N            port to listen on; without it, any free one
  --file FILE         keep the notes in this JSON file; without it, in memory
  --token-file FILE   demand the content of this file as bearer credential
  --exit-with-parent  end when standard input does
`

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    file: { type: 'string' },
    'token-file': { type: 'string' },
    'exit-with-parent': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (options.help) process.stdout.write(HELP)
else await serve()

async function serve(): Promise<void> {
  const serving = await serveHttp({
    notebook: await openNotebook(options.file ?? null),
    port: Number(options.port),
    token: await readToken(options['token-file']),
  })
  const end = () => void serving.close().then(() => process.exit(0))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)
  if (options['exit-with-parent']) process.stdin.once('end', end).resume()
  // Last, because whoever reads it may end us at once.
  process.stdout.write(`notes: http://127.0.0.1:${serving.port}/mcp\n`)
}

async function readToken(file: string | undefined): Promise<string | null> {
  if (file === undefined) return null
  const token = (await readFile(file, 'utf8')).trim()
  if (token === '') throw new Error(`the token file ${file} is empty`)
  return token
}
