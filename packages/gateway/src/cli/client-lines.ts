import type { Snapshot } from '#core/snapshot.ts'

/** How one client is told about one server. */
export interface ClientLine {
  readonly client: string
  readonly lines: readonly string[]
}

/** Copy-paste lines for the clients that were tried, for a POSIX shell. Ids and URLs hold nothing a shell would read. */
export function clientLines(id: string, url: string): readonly ClientLine[] {
  const isPlain = url.startsWith('http:')
  return [
    {
      client: 'Claude Code',
      lines: [`claude mcp add --transport http ${id} ${url}`, `claude mcp login ${id}`],
    },
    {
      client: 'Codex CLI',
      lines: [`codex mcp add ${id} --url ${url}`, `# logs in at once; again: codex mcp login ${id}`],
    },
    {
      client: 'Cursor',
      lines: [`# ~/.cursor/mcp.json`, JSON.stringify({ mcpServers: { [id]: { url } } })],
    },
    { client: 'VS Code', lines: [`code --add-mcp '${JSON.stringify({ name: id, type: 'http', url })}'`] },
    { client: 'mcp-remote', lines: [`npx mcp-remote@0.15.1 ${url}${isPlain ? ' --allow-http' : ''}`] },
    {
      client: 'Inspector',
      lines: [
        `MCP_AUTO_OPEN_ENABLED=true npx @modelcontextprotocol/inspector@2.12.0 --cli --server-url ${url} --transport http --method tools/list`,
      ],
    },
  ]
}

/** Id and URL of every server, in the order of the configuration. */
export function serverUrls(
  snapshot: Snapshot,
): readonly { readonly id: string; readonly title: string; readonly url: string }[] {
  return [...snapshot.servers.values()].map(({ id, title, resource }) => ({ id, title, url: resource }))
}
