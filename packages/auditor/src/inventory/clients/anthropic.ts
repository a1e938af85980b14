import { type Client, mcpServersIn } from './client.ts'

/** Claude Code also keeps servers per project in its own file, and those of plugins in their folders. */
export const CLAUDE_CODE: Client = {
  id: 'claude-code',
  name: 'Claude Code',
  sources: [
    'docker/mcp-gateway@2bd20fe:pkg/client/config.yml (user file, CLAUDE_CONFIG_DIR)',
    'snyk/agent-scan@b9e98ab:src/agent_scan/well_known_clients.py (plugins)',
    'https://docs.claude.com/en/docs/claude-code/mcp (project and managed files)',
  ],
  files: [
    { base: 'claude', path: '.claude.json', format: 'json', at: [['mcpServers'], ['projects', '*', 'mcpServers']] },
    { base: 'home', path: '.claude/plugins/cache/**/.mcp.json', format: 'json', at: [['mcpServers'], []] },
    mcpServersIn('project', '.mcp.json'),
    mcpServersIn('system', 'claude-code/managed-mcp.json', ['linux']),
    mcpServersIn('system', 'ClaudeCode/managed-mcp.json', ['macos', 'windows']),
  ],
}

export const CLAUDE_DESKTOP: Client = {
  id: 'claude-desktop',
  name: 'Claude Desktop',
  sources: [
    'smithery-ai/cli@407ac3b:src/config/clients.ts',
    'docker/mcp-gateway@2bd20fe:pkg/client/config.yml (the lower-case folder on Linux)',
  ],
  files: [
    mcpServersIn('config', 'Claude/claude_desktop_config.json'),
    mcpServersIn('config', 'claude/claude_desktop_config.json', ['linux']),
  ],
}
