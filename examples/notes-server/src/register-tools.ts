import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'
import { type Note, type Notebook, TEXT_CHARACTERS_MAX, TITLE_CHARACTERS_MAX } from './notebook.ts'

const LINES_MAX = 100
const PAUSE_MS_MAX = 5_000

const title = z.string().min(1).max(TITLE_CHARACTERS_MAX)
const text = z.string().max(TEXT_CHARACTERS_MAX)
const foundNotes = { notes: z.array(z.object({ id: z.string(), title: z.string(), text: z.string() })) }

/** The tools, from harmless to far-reaching. Their annotations are honest. */
export function registerTools(mcp: McpServer, notebook: Notebook): void {
  registerReadingTools(mcp, notebook)
  registerWritingTools(mcp, notebook)
  registerDeletingTools(mcp, notebook)
}

function registerReadingTools(mcp: McpServer, notebook: Notebook): void {
  const annotations = { readOnlyHint: true, openWorldHint: false }
  mcp.registerTool(
    'list_notes',
    { title: 'List notes', description: 'Lists all notes, oldest first.', outputSchema: foundNotes, annotations },
    () => showNotes(notebook.list()),
  )
  mcp.registerTool(
    'search_notes',
    {
      title: 'Search notes',
      description: 'Lists the notes whose title or text holds the query.',
      inputSchema: { query: z.string().min(1).max(TITLE_CHARACTERS_MAX) },
      outputSchema: foundNotes,
      annotations,
    },
    ({ query }) => showNotes(notebook.search(query)),
  )
  mcp.registerTool(
    'check_notes',
    { title: 'Check notes', description: 'Looks for notes without text and logs a warning for each.', annotations },
    async (extra) => {
      const empty = notebook.list().filter((note) => note.text.trim() === '')
      for (const note of empty) {
        const data = { id: note.id, problem: 'this note has no text' }
        await mcp.sendLoggingMessage({ level: 'warning', logger: 'check', data }, extra.sessionId)
      }
      return say(`${empty.length} of ${notebook.list().length} notes have no text`)
    },
  )
}

function registerWritingTools(mcp: McpServer, notebook: Notebook): void {
  const annotations = { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false }
  mcp.registerTool(
    'add_note',
    { title: 'Add a note', description: 'Adds a note.', inputSchema: { title, text }, annotations },
    async (wanted) => {
      const note = await notebook.add(wanted.title, wanted.text)
      return note === null ? complain('the notebook is full') : say(`added note ${note.id}`)
    },
  )
  mcp.registerTool(
    'import_notes',
    {
      title: 'Import notes',
      description: 'Adds one note for each line, and reports progress.',
      inputSchema: {
        lines: z.array(title).min(1).max(LINES_MAX),
        pauseMs: z.int().min(0).max(PAUSE_MS_MAX).default(0).describe('Pause before each note, to see the progress.'),
      },
      annotations,
    },
    async ({ lines, pauseMs }, extra) => {
      const progressToken = extra._meta?.progressToken
      for (const [at, line] of lines.entries()) {
        if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
        if (extra.signal.aborted) return complain(`cancelled after ${at} notes`)
        if ((await notebook.add(line, '')) === null) return complain(`the notebook was full after ${at} notes`)
        if (progressToken === undefined) continue
        const params = { progressToken, progress: at + 1, total: lines.length, message: line }
        await extra.sendNotification({ method: 'notifications/progress', params })
      }
      return say(`imported ${lines.length} notes`)
    },
  )
}

function registerDeletingTools(mcp: McpServer, notebook: Notebook): void {
  const annotations = { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false }
  mcp.registerTool(
    'delete_note',
    { title: 'Delete a note', description: 'Deletes a note.', inputSchema: { id: z.string() }, annotations },
    async ({ id }) => ((await notebook.delete(id)) ? say(`deleted note ${id}`) : complain('there is no such note')),
  )
  mcp.registerTool(
    'clear_notes',
    {
      title: 'Clear all notes',
      description: 'Deletes every note, after asking the person at the client.',
      annotations,
    },
    async (extra) => {
      if (mcp.server.getClientCapabilities()?.elicitation === undefined) {
        return complain('this client cannot ask its user, so nothing was deleted')
      }
      const notes = notebook.list()
      const answer = await mcp.server.elicitInput(
        {
          message: `Delete all ${notes.length} notes?`,
          requestedSchema: {
            type: 'object',
            properties: { confirm: { type: 'boolean', title: 'Yes, delete them' } },
            required: ['confirm'],
          },
        },
        { relatedRequestId: extra.requestId },
      )
      if (answer.action !== 'accept' || answer.content?.['confirm'] !== true) return say('nothing was deleted')
      for (const note of notes) await notebook.delete(note.id)
      return say(`deleted ${notes.length} notes`)
    },
  )
}

function showNotes(notes: readonly Note[]): CallToolResult {
  const found = { notes: notes.map((note) => ({ id: note.id, title: note.title, text: note.text })) }
  return { content: [{ type: 'text', text: JSON.stringify(found.notes) }], structuredContent: found }
}

function say(words: string): CallToolResult {
  return { content: [{ type: 'text', text: words }] }
}

function complain(words: string): CallToolResult {
  return { content: [{ type: 'text', text: words }], isError: true }
}
