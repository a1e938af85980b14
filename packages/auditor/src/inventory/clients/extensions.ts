import { type Client, type ConfigPattern, mcpServersIn } from './client.ts'

/** Editors built on VS Code keep extension state below their own folder. */
const EDITOR_FOLDERS = ['Code', 'Code - Insiders', 'Cursor', 'Windsurf', 'VSCodium']
const inGlobalStorage = (path: string): ConfigPattern[] =>
  EDITOR_FOLDERS.map((editor) => mcpServersIn('config', `${editor}/User/globalStorage/${path}`))

/** Both the extension and the CLI. */
export const CLINE: Client = {
  id: 'cline',
  name: 'Cline',
  sources: ['docker/mcp-gateway@2bd20fe:pkg/client/config.yml', 'neondatabase/add-mcp@a58f24c:src/agents.ts (CLI)'],
  files: [
    ...inGlobalStorage('saoudrizwan.claude-dev/settings/cline_mcp_settings.json'),
    mcpServersIn('cline', 'data/settings/cline_mcp_settings.json'),
  ],
}

export const ROO: Client = {
  id: 'roo',
  name: 'Roo Code',
  sources: [
    'smithery-ai/cli@407ac3b:src/config/clients.ts',
    'https://docs.roocode.com/features/mcp/using-mcp-in-roo (project file)',
  ],
  files: [
    ...inGlobalStorage('rooveterinaryinc.roo-cline/settings/mcp_settings.json'),
    ...inGlobalStorage('rooveterinaryinc.roo-cline/settings/cline_mcp_settings.json'),
    mcpServersIn('project', '.roo/mcp.json'),
  ],
}

/** A list instead of a map, in YAML; JSON blocks copied from other clients are taken too. */
export const CONTINUE: Client = {
  id: 'continue',
  name: 'Continue',
  sources: [
    'https://docs.continue.dev/customize/deep-dives/mcp',
    'docker/mcp-gateway@2bd20fe:pkg/client/config.yml',
    'https://docs.continue.dev/reference/json-reference (the older config.json)',
  ],
  files: (['home', 'project'] as const).flatMap((base): ConfigPattern[] => [
    { base, path: '.continue/config.yaml', format: 'yaml', at: [['mcpServers']] },
    {
      base,
      path: '.continue/config.json',
      format: 'json',
      at: [['mcpServers'], ['experimental', 'modelContextProtocolServers']],
    },
    { base, path: '.continue/mcpServers/*.yaml', format: 'yaml', at: [['mcpServers']] },
    { base, path: '.continue/mcpServers/*.yml', format: 'yaml', at: [['mcpServers']] },
    { base, path: '.continue/mcpServers/*.json', format: 'json', at: [['mcpServers'], []] },
  ]),
}

/** The CLI keeps a file of its own; the extension writes a list into the settings of VS Code. */
export const AUGMENT: Client = {
  id: 'augment',
  name: 'Augment',
  sources: [
    'https://www.augmentcode.com/changelog/auggie-cli-0-5-4-release-notes (CLI)',
    'https://docs.augmentcode.com/setup-augment/mcp (augment.advanced)',
  ],
  files: [
    mcpServersIn('home', '.augment/settings.json'),
    ...['Code', 'Code - Insiders'].map(
      (editor): ConfigPattern => ({
        base: 'config',
        path: `${editor}/User/settings.json`,
        format: 'json',
        at: [
          ['augment.advanced', 'mcpServers'],
          ['augment', 'advanced', 'mcpServers'],
        ],
      }),
    ),
  ],
}
