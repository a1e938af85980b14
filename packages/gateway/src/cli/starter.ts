/** What `sallyport init` writes. The schema is written beside it, so that editors complete and check without a network. */
export const SCHEMA_FILE = 'sallyport.schema.json'

/** Text stands behind `# `, lines that can be used as they are behind `#`. */
export const STARTER = `# yaml-language-server: $schema=./${SCHEMA_FILE}
# Sallyport. Every key is described in docs/configuration.md and by your editor. Check with: sallyport check
version: 1

gateway:
  # Where clients reach the gateway: an origin, https unless loopback. Tokens are bound to it, so choose it for good.
  publicUrl: http://127.0.0.1:8700

# Who may become an OAuth client. Absent: open on loopback, else by approval.
#registration:
#  mode: approval

# Where the state is kept. Absent: SQLite in the state folder. PostgreSQL lets several gateways run side by side.
#store:
#  postgres: { url: "\${file:secrets/postgres-url}" }

# Who may use what. Absent: operator (everything), user (read, write, send), auditor and approver.
#roles:
#  operator: { admin: operator, allow: { "*": [read, write, send, destructive, execute, financial, admin] } }
#  user: { admin: user, allow: { "*": [read, write], tickets: [read] } }

# The MCP servers behind the gateway, each at <publicUrl>/mcp/<id>. To add one, take {} away and write lines such as those below.
servers: {}
# A server that speaks over standard input and output. One process per session; paths are relative to this file.
#  files:
#    title: Project files
#    stdio:
#      command: node
#      args: [node_modules/@modelcontextprotocol/server-filesystem/dist/index.js, ./sample]
#    tools:
#      move_file: { class: destructive }
# A server that keeps something for each user.
#  memory:
#    stdio:
#      command: node
#      args: [node_modules/@modelcontextprotocol/server-memory/dist/index.js]
#      env: { MEMORY_FILE_PATH: "\${userDir}/memory.jsonl" }
# A server that speaks Streamable HTTP. Secrets only as references; the caller's token is never passed on.
#  tickets:
#    http:
#      url: https://tickets.example.com/mcp
#      headers: { Authorization: "Bearer \${file:secrets/tickets-token}" }
`

export const TENANT_STARTER = `# A tenant: everything that sallyport.yaml has but gateway, store and tenants (docs/guides/tenants.md).
version: 1

# Its MCP servers, each at <publicUrl>/t/<tenant>/mcp/<id>. To add one, take {} away and write lines such as those below.
servers: {}
#  files:
#    title: Files
#    http: { url: https://files.example.com/mcp }
`
