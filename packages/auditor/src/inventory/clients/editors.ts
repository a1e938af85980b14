import { type Client, type ConfigPattern, mcpServersIn } from './client.ts'

export const CURSOR: Client = {
  id: 'cursor',
  name: 'Cursor',
  sources: ['docker/mcp-gateway@2bd20fe:pkg/client/config.yml', 'neondatabase/add-mcp@a58f24c:src/agents.ts'],
  files: [mcpServersIn('home', '.cursor/mcp.json'), mcpServersIn('project', '.cursor/mcp.json')],
}

/** VS Code calls the key `servers`; in the older `settings.json` it was `mcp.servers`, nested or dotted. */
const servers = (base: ConfigPattern['base'], path: string): ConfigPattern => ({
  base,
  path,
  format: 'json',
  at: [['servers']],
})
const settings = (base: ConfigPattern['base'], path: string): ConfigPattern => ({
  base,
  path,
  format: 'json',
  at: [['mcp', 'servers'], ['mcp.servers']],
})

export const VSCODE: Client = {
  id: 'vscode',
  name: 'VS Code',
  sources: [
    'docker/mcp-gateway@2bd20fe:pkg/client/config.yml',
    'snyk/agent-scan@b9e98ab:src/agent_scan/well_known_clients.py (settings.json, ~/.vscode)',
    'https://code.visualstudio.com/docs/copilot/customization/mcp-servers (profiles)',
  ],
  files: [
    servers('config', 'Code/User/mcp.json'),
    servers('config', 'Code/User/profiles/*/mcp.json'),
    settings('config', 'Code/User/settings.json'),
    servers('home', '.vscode/mcp.json'),
    servers('project', '.vscode/mcp.json'),
    settings('project', '.vscode/settings.json'),
  ],
}

/** Shares the project file with VS Code, where it is reported once. */
export const VSCODE_INSIDERS: Client = {
  id: 'vscode-insiders',
  name: 'VS Code Insiders',
  sources: ['smithery-ai/cli@407ac3b:src/config/clients.ts', 'https://code.visualstudio.com/docs/configure/settings'],
  files: [
    servers('config', 'Code - Insiders/User/mcp.json'),
    servers('config', 'Code - Insiders/User/profiles/*/mcp.json'),
    settings('config', 'Code - Insiders/User/settings.json'),
  ],
}

export const WINDSURF: Client = {
  id: 'windsurf',
  name: 'Windsurf',
  sources: ['smithery-ai/cli@407ac3b:src/config/clients.ts (serverUrl)', 'supermemoryai/install-mcp@c2a97fb'],
  files: [mcpServersIn('home', '.codeium/windsurf/mcp_config.json'), mcpServersIn('project', '.windsurf/mcp.json')],
}

/** On macOS Zed reads `~/.config`, not Application Support: its `config_dir()` says so. */
export const ZED: Client = {
  id: 'zed',
  name: 'Zed',
  sources: ['zed-industries/zed@010c9b6:crates/paths/src/paths.rs', 'smithery-ai/cli@407ac3b:src/config/clients.ts'],
  files: [
    {
      base: 'xdg',
      path: 'zed/settings.json',
      format: 'json',
      at: [['context_servers']],
      platforms: ['linux', 'macos'],
    },
    { base: 'config', path: 'Zed/settings.json', format: 'json', at: [['context_servers']], platforms: ['windows'] },
    { base: 'project', path: '.zed/settings.json', format: 'json', at: [['context_servers']] },
  ],
}

export const JUNIE: Client = {
  id: 'junie',
  name: 'JetBrains Junie',
  sources: [
    'https://www.jetbrains.com/help/junie/model-context-protocol-mcp.html',
    'laravel/boost:src/Install/Agents/PhpStormJunie.php (project file)',
  ],
  files: [mcpServersIn('home', '.junie/mcp/mcp.json'), mcpServersIn('project', '.junie/mcp/mcp.json')],
}

export const KIRO: Client = {
  id: 'kiro',
  name: 'Kiro',
  sources: ['docker/mcp-gateway@2bd20fe:pkg/client/config.yml', 'smithery-ai/cli@407ac3b:src/config/clients.ts'],
  files: [mcpServersIn('home', '.kiro/settings/mcp.json'), mcpServersIn('project', '.kiro/settings/mcp.json')],
}

export const TRAE: Client = {
  id: 'trae',
  name: 'Trae',
  sources: ['smithery-ai/cli@407ac3b:src/config/clients.ts'],
  files: [mcpServersIn('config', 'Trae/User/mcp.json')],
}

export const ANTIGRAVITY: Client = {
  id: 'antigravity',
  name: 'Antigravity',
  sources: ['neondatabase/add-mcp@a58f24c:src/agents.ts', 'smithery-ai/cli@407ac3b:src/config/clients.ts (serverUrl)'],
  files: [
    mcpServersIn('home', '.gemini/antigravity/mcp_config.json'),
    mcpServersIn('home', '.gemini/config/mcp_config.json'),
    mcpServersIn('project', '.agents/mcp_config.json'),
  ],
}
