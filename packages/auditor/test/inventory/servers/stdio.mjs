// An MCP server over stdio that behaves as its first argument says. Hostile ones are part of the cast.
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const [mode, file] = process.argv.slice(2)
const tools = [
  {
    name: 'list_notes',
    description: 'Lists notes',
    inputSchema: { type: 'object', properties: { limit: { type: 'integer', maximum: 50 } } },
  },
  { name: 'delete_note', inputSchema: { type: 'object', properties: { path: { type: 'string' } } } },
]
const send = (message) => process.stdout.write(`${JSON.stringify(message)}\n`)

if (file !== undefined) writeFileSync(file, JSON.stringify({ pid: process.pid, env: process.env, cwd: process.cwd() }))
if (mode === 'exit') process.exit(3)
if (mode === 'flood') setInterval(() => process.stdout.write('x'.repeat(65_536)), 0)
if (mode === 'flood-errors') setInterval(() => process.stderr.write('x'.repeat(65_536)), 0)
if (mode === 'stubborn') process.on('SIGTERM', () => {})
if (mode === 'parent') {
  const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM",()=>{});setInterval(()=>{},1000)'], {
    stdio: 'ignore',
  })
  writeFileSync(`${file}.child`, String(child.pid))
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined || mode === 'silent' || mode === 'stubborn') return
  if (mode === 'noisy') {
    process.stdout.write('Server ready!\n\u001b[31m{"jsonrpc":"2.0"\n')
    send({ jsonrpc: '2.0', id: 999, result: { tools: [{ name: 'not_ours' }] } })
    send({ jsonrpc: '2.0', id, method: 'sampling/createMessage', params: {} })
  }
  if (method === 'initialize') {
    if (mode === 'modern') return send({ jsonrpc: '2.0', id, error: { code: -32601, message: 'no' } })
    return send({
      jsonrpc: '2.0',
      id,
      result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'x', version: '1' } },
    })
  }
  if (mode === 'modern' && params?._meta?.['io.modelcontextprotocol/protocolVersion'] !== '2026-07-28')
    return send({ jsonrpc: '2.0', id, error: { code: -32602, message: 'no _meta' } })
  if (method === 'tools/list' && mode === 'nothing') return send({ jsonrpc: '2.0', id, result: {} })
  if (method === 'tools/list' && mode === 'endless')
    return send({ jsonrpc: '2.0', id, result: { tools: [{ name: `get_${id}` }], nextCursor: String(id) } })
  if (method === 'tools/list') return send({ jsonrpc: '2.0', id, result: { tools } })
  if (method === 'tools/call') {
    if (file !== undefined) writeFileSync(`${file}.called`, JSON.stringify(params))
    return send({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'password: hunter2-in-answer' }] } })
  }
  send({ jsonrpc: '2.0', id, error: { code: -32601, message: 'no' } })
})
