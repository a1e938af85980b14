import { type Client, type ConfigPattern, mcpServersIn } from './client.ts'

const toml = (base: ConfigPattern['base'], path: string): ConfigPattern => ({
  base,
  path,
  format: 'toml',
  at: [['mcp_servers']],
})

/** TOML; profiles are further files of the same form. */
export const CODEX: Client = {
  id: 'codex',
  name: 'Codex CLI',
  sources: [
    'neondatabase/add-mcp@a58f24c:src/agents.ts (CODEX_HOME, project file)',
    'https://developers.openai.com/codex/config-reference (system file, profiles)',
  ],
  files: [
    toml('codex', 'config.toml'),
    toml('codex', '*.config.toml'),
    toml('project', '.codex/config.toml'),
    { ...toml('system', 'codex/config.toml'), platforms: ['linux'] },
  ],
}

export const GEMINI_CLI: Client = {
  id: 'gemini-cli',
  name: 'Gemini CLI',
  sources: ['neondatabase/add-mcp@a58f24c:src/agents.ts', 'docker/mcp-gateway@2bd20fe:pkg/client/config.yml'],
  files: [mcpServersIn('home', '.gemini/settings.json'), mcpServersIn('project', '.gemini/settings.json')],
}

/** The IDE and the CLI keep agents, each with servers of its own. */
export const AMAZON_Q: Client = {
  id: 'amazon-q',
  name: 'Amazon Q Developer',
  sources: [
    'https://docs.aws.amazon.com/amazonq/latest/qdeveloper-ug/qdev-mcp.html',
    'snyk/agent-scan@b9e98ab:src/agent_scan/well_known_clients.py',
  ],
  files: [
    mcpServersIn('home', '.aws/amazonq/mcp.json'),
    mcpServersIn('home', '.aws/amazonq/agents/*.json'),
    mcpServersIn('home', '.aws/amazonq/cli-agents/*.json'),
    mcpServersIn('project', '.amazonq/mcp.json'),
    mcpServersIn('project', '.amazonq/cli-agents/*.json'),
  ],
}

/** `extensions`, of which those built in are no MCP servers of the user's. */
export const GOOSE: Client = {
  id: 'goose',
  name: 'Goose',
  sources: ['https://block.github.io/goose/docs/guides/config-files', 'neondatabase/add-mcp@a58f24c:src/agents.ts'],
  files: [
    { base: 'xdg', path: 'goose/config.yaml', format: 'yaml', at: [['extensions']], platforms: ['linux', 'macos'] },
    {
      base: 'config',
      path: 'Block/goose/config/config.yaml',
      format: 'yaml',
      at: [['extensions']],
      platforms: ['windows'],
    },
  ],
}

export const WARP: Client = {
  id: 'warp',
  name: 'Warp',
  sources: ['https://www.skills.sh/warpdotdev/warp/agent-add-mcp', 'https://docs.warp.dev/agents/capabilities/mcp'],
  files: [mcpServersIn('home', '.warp/.mcp.json'), mcpServersIn('project', '.warp/.mcp.json')],
}

/** Also reads `.mcp.json` of a project, which is reported under Claude Code. */
export const COPILOT_CLI: Client = {
  id: 'copilot-cli',
  name: 'GitHub Copilot CLI',
  sources: [
    'github/docs#41226 (~/.copilot, XDG_CONFIG_HOME)',
    'https://docs.github.com/en/copilot/reference/copilot-cli-reference/cli-command-reference#mcp-server-loading-priority',
  ],
  files: [
    mcpServersIn('copilot', 'mcp-config.json'),
    mcpServersIn('xdg', 'mcp-config.json'),
    mcpServersIn('project', '.github/mcp.json'),
  ],
}

const mcpIn = (base: ConfigPattern['base'], path: string): ConfigPattern => ({
  base,
  path,
  format: 'json',
  at: [['mcp']],
})

/** `command` is an array, variables are `environment`; `~/.config` on every platform. */
export const OPENCODE: Client = {
  id: 'opencode',
  name: 'opencode',
  sources: ['https://opencode.ai/docs/config/', 'docker/mcp-gateway@2bd20fe:pkg/client/config.yml'],
  files: [
    mcpIn('xdg', 'opencode/opencode.json'),
    mcpIn('xdg', 'opencode/opencode.jsonc'),
    mcpIn('project', 'opencode.json'),
    mcpIn('project', 'opencode.jsonc'),
    { ...mcpIn('system', 'opencode/opencode.json'), platforms: ['linux', 'macos'] },
  ],
}

export const CRUSH: Client = {
  id: 'crush',
  name: 'Crush',
  sources: ['docker/mcp-gateway@2bd20fe:pkg/client/config.yml'],
  files: [
    { ...mcpIn('xdg', 'crush/crush.json'), platforms: ['linux', 'macos'] },
    { ...mcpIn('local', 'crush/crush.json'), platforms: ['windows'] },
    mcpIn('project', '.crush.json'),
  ],
}

export const FACTORY: Client = {
  id: 'factory',
  name: 'Factory Droid',
  sources: ['supermemoryai/install-mcp@c2a97fb:src/client-config.ts'],
  files: [mcpServersIn('home', '.factory/mcp.json'), mcpServersIn('project', '.factory/mcp.json')],
}
