import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { classifyTool, REVIEWED_SERVERS, reviewedClasses, type ToolDefinition } from '../src/index.ts'

const SEVERITY = ['read', 'write', 'send', 'destructive', 'execute', 'financial', 'admin']

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-reviewed-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** How each server is started, written out: a review without a live server behind it is only a claim. */
const STARTS: Readonly<Record<string, (folder: string) => { args: string[]; env: Record<string, string> }>> = {
  '@modelcontextprotocol/server-everything': () => ({ args: ['stdio'], env: {} }),
  '@modelcontextprotocol/server-filesystem': (root) => ({ args: [root], env: {} }),
  '@modelcontextprotocol/server-memory': (root) => ({ args: [], env: { MEMORY_FILE_PATH: join(root, 'memory.json') } }),
}

test.each(REVIEWED_SERVERS)(
  'every tool of $packageName $version is reviewed, and none is reviewed that is not there',
  async ({ packageName, version }) => {
    const manifestFile = manifestOf(packageName)
    // The package's own manifest: `bin` and `version` are npm's to guarantee.
    const manifest = JSON.parse(readFileSync(manifestFile, 'utf8')) as { version: string; bin: Record<string, string> }
    expect(manifest.version).toBe(version)
    const script = join(dirname(manifestFile), Object.values(manifest.bin)[0] ?? '')
    const start = STARTS[packageName]?.(folder)
    if (start === undefined) throw new Error(`no way to start ${packageName}`)

    const tools = await listTools([script, ...start.args], start.env)
    const reviewed = reviewedClasses(packageName)
    expect(tools.map((tool) => tool.name).sort()).toEqual([...reviewed.keys()].sort())

    // The classifier without a review may be more careful than a person, never less (0 destructive labelled read).
    for (const tool of tools) {
      const { toolClass } = classifyTool(tool)
      const person = reviewed.get(tool.name) ?? 'admin'
      const isAsCareful = SEVERITY.indexOf(toolClass) >= SEVERITY.indexOf(person)
      expect(isAsCareful || toolClass !== 'read', `${tool.name}: ${toolClass}, reviewed as ${person}`).toBe(true)
    }
  },
)

test('a package that nobody reviewed has no classes', () => {
  expect(reviewedClasses('left-pad').size).toBe(0)
  expect(reviewedClasses('__proto__').size).toBe(0)
})

function manifestOf(packageName: string): string {
  const require = createRequire(new URL('../../../examples/quickstart/package.json', import.meta.url))
  for (const modules of require.resolve.paths(packageName) ?? []) {
    const file = join(modules, packageName, 'package.json')
    try {
      readFileSync(file)
      return file
    } catch {
      // Not installed at this level; the next one up may hold it.
    }
  }
  throw new Error(`${packageName} is not installed`)
}

/** Speaks the least MCP that makes a server list everything it has, the tools that depend on capabilities included. */
async function listTools(args: string[], env: Record<string, string>): Promise<ToolDefinition[]> {
  const child = spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'pipe'] })
  try {
    child.stderr.resume()
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const capabilities = {
      elicitation: { form: {}, url: {} },
      sampling: {},
      roots: { listChanged: true },
      tasks: { requests: { elicitation: { create: {} }, sampling: { createMessage: {} } } },
    }
    const clientInfo = { name: 'review', version: '1.0.0' }
    send(child, { id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities, clientInfo } })
    await answerTo(answers, 1)
    send(child, { method: 'notifications/initialized' })
    // server-everything registers its conditional tools when it hears `initialized`; poll until the list stands still.
    let tools: ToolDefinition[] = []
    for (let id = 2, standingStill = 0; id < 40 && standingStill < 4; id++) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      send(child, { id, method: 'tools/list', params: {} })
      const listed = (await answerTo(answers, id)).tools
      standingStill = listed.length === tools.length ? standingStill + 1 : 0
      tools = listed
    }
    return tools
  } finally {
    child.kill()
  }
}

function send(child: ChildProcessWithoutNullStreams, message: object): void {
  child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
}

async function answerTo(lines: AsyncIterator<string>, id: number): Promise<{ tools: ToolDefinition[] }> {
  for (;;) {
    const line = await lines.next()
    if (line.done) throw new Error('the server ended without an answer')
    // A pinned server on our own pipe: its answers have the shape that MCP gives them.
    const message = JSON.parse(line.value) as { id?: number; result?: { tools: ToolDefinition[] } }
    if (message.id === id && message.result !== undefined) return message.result
  }
}
