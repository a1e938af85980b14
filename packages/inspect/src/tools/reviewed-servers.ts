import type { ToolClass } from './tool-class.ts'

/** Tools of one published version, each read in the source and classified by a person. */
export interface ReviewedServer {
  readonly packageName: string
  readonly version: string
  readonly tools: Readonly<Record<string, ToolClass>>
}

/**
 * Reviewed for what the tools do, not for what they say: see the note at each odd line.
 * A new version is a new review; its unlisted tools fall back to `classifyTool`.
 */
export const REVIEWED_SERVERS: readonly ReviewedServer[] = [
  {
    packageName: '@modelcontextprotocol/server-everything',
    version: '2026.8.31',
    tools: {
      echo: 'read',
      'get-annotated-message': 'read',
      // Annotated read-only, yet prints the whole environment of the server process: whatever secret is put there.
      'get-env': 'admin',
      'get-resource-links': 'read',
      'get-resource-reference': 'read',
      'get-roots-list': 'read',
      'get-structured-content': 'read',
      'get-sum': 'read',
      'get-tiny-image': 'read',
      // Fetches a URL of the caller's choice from the machine it runs on; GZIP_ALLOWED_DOMAINS narrows that.
      'gzip-file-as-resource': 'send',
      'simulate-research-query': 'write',
      'toggle-simulated-logging': 'write',
      'toggle-subscriber-updates': 'write',
      // Ask the person at the client for data, or send them to a page.
      'trigger-elicitation-request': 'write',
      'trigger-elicitation-request-async': 'write',
      'trigger-url-elicitation': 'write',
      'trigger-long-running-operation': 'read',
      // Send a prompt of the caller's choice to the model at the client, at the client's cost.
      'trigger-sampling-request': 'send',
      'trigger-sampling-request-async': 'send',
    },
  },
  {
    packageName: '@modelcontextprotocol/server-filesystem',
    version: '2026.8.31',
    tools: {
      read_file: 'read',
      read_text_file: 'read',
      read_media_file: 'read',
      read_multiple_files: 'read',
      list_directory: 'read',
      list_directory_with_sizes: 'read',
      directory_tree: 'read',
      search_files: 'read',
      get_file_info: 'read',
      list_allowed_directories: 'read',
      create_directory: 'write',
      // The next three replace what was there without keeping a copy.
      write_file: 'destructive',
      edit_file: 'destructive',
      move_file: 'destructive',
    },
  },
  {
    packageName: '@modelcontextprotocol/server-memory',
    version: '2026.8.31',
    tools: {
      read_graph: 'read',
      search_nodes: 'read',
      open_nodes: 'read',
      create_entities: 'write',
      create_relations: 'write',
      add_observations: 'write',
      delete_entities: 'destructive',
      delete_observations: 'destructive',
      delete_relations: 'destructive',
    },
  },
]

/** Classes by tool name for a package whose tools were reviewed; empty for every other package. */
export function reviewedClasses(packageName: string): ReadonlyMap<string, ToolClass> {
  const reviewed = REVIEWED_SERVERS.find((server) => server.packageName === packageName)
  return new Map(Object.entries(reviewed?.tools ?? {}))
}
