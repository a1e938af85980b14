import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js'
import {
  ErrorCode,
  McpError,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import type { Notebook } from './notebook.ts'
import { registerTools } from './register-tools.ts'

const SUBSCRIPTIONS_MAX = 100

/** One MCP server for one session, over the notebook that all sessions share. */
export function createMcpServer(notebook: Notebook): McpServer {
  const mcp = new McpServer(
    { name: 'notes', title: 'Notes', version: '0.1.0' },
    {
      capabilities: { logging: {}, resources: { subscribe: true, listChanged: true } },
      instructions: 'Short notes. Each is also a resource, notes://{id}, that can be subscribed to.',
    },
  )
  registerTools(mcp, notebook)
  registerResources(mcp, notebook)
  registerPrompts(mcp, notebook)
  followChanges(mcp, notebook)
  return mcp
}

function registerResources(mcp: McpServer, notebook: Notebook): void {
  const template = new ResourceTemplate('notes://{id}', {
    list: () => ({
      resources: notebook
        .list()
        .map((note) => ({ uri: `notes://${note.id}`, name: note.title, mimeType: 'text/plain' })),
    }),
    complete: {
      id: (start) =>
        notebook
          .list()
          .map((note) => note.id)
          .filter((id) => id.startsWith(start))
          .slice(0, 100),
    },
  })
  mcp.registerResource('note', template, { title: 'Note', mimeType: 'text/plain' }, (uri, { id }) => {
    const note = notebook.get(String(id))
    // MCP 2025-11-25, Resources, Error Handling: resource not found is -32002.
    if (note === undefined) throw new McpError(-32002, 'Resource not found', { uri: uri.href })
    return { contents: [{ uri: uri.href, mimeType: 'text/plain', text: `${note.title}\n\n${note.text}` }] }
  })
}

function registerPrompts(mcp: McpServer, notebook: Notebook): void {
  mcp.registerPrompt(
    'summarize_notes',
    { title: 'Summarize my notes', description: 'Asks for a summary of all notes, as short as one likes.' },
    () => {
      const notes = notebook.list().map((note) => `- ${note.title}: ${note.text}`)
      const text = `Summarize these notes in three sentences.\n\n${notes.join('\n') || '(there are none)'}`
      return { messages: [{ role: 'user', content: { type: 'text', text } }] }
    },
  )
}

/** Tells this session when the list of notes changes, and when a note it subscribed to does. Ends with the session. */
function followChanges(mcp: McpServer, notebook: Notebook): void {
  const subscribed = new Set<string>()
  mcp.server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
    if (subscribed.size >= SUBSCRIPTIONS_MAX) throw new McpError(ErrorCode.InvalidRequest, 'too many subscriptions')
    subscribed.add(params.uri)
    return {}
  })
  mcp.server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
    subscribed.delete(params.uri)
    return {}
  })
  // Only a session that was really opened listens; a stray first request leaves nothing behind.
  let stopFollowing = (): void => {}
  mcp.server.oninitialized = () => {
    stopFollowing = notebook.onChange(({ id }) => {
      mcp.sendResourceListChanged()
      const uri = `notes://${id}`
      // A session that is going away can't be told any more, and need not be.
      if (subscribed.has(uri)) mcp.server.sendResourceUpdated({ uri }).catch(() => undefined)
    })
  }
  mcp.server.onclose = () => stopFollowing()
}
