import { type Client, mcpServersIn } from './client.ts'

/** A server for many users; its file lies where it was installed, which is the home or a project. */
export const LIBRECHAT: Client = {
  id: 'librechat',
  name: 'LibreChat',
  sources: [
    'https://www.librechat.ai/docs/configuration/librechat_yaml/object_structure/mcp_servers',
    'smithery-ai/cli@407ac3b:src/config/clients.ts (LIBRECHAT_CONFIG_DIR)',
  ],
  files: [
    { base: 'librechat', path: 'LibreChat/librechat.yaml', format: 'yaml', at: [['mcpServers']] },
    { base: 'project', path: 'librechat.yaml', format: 'yaml', at: [['mcpServers']] },
  ],
}

/** The documented folder and the one that older installations still use. */
export const LM_STUDIO: Client = {
  id: 'lm-studio',
  name: 'LM Studio',
  sources: [
    'docker/mcp-gateway@2bd20fe:pkg/client/config.yml',
    'lmstudio-ai/lmstudio-bug-tracker#1371',
    'https://lmstudio.ai/docs/app/mcp',
  ],
  files: [mcpServersIn('home', '.lmstudio/mcp.json'), mcpServersIn('home', '.cache/lm-studio/mcp.json')],
}

export const WITSY: Client = {
  id: 'witsy',
  name: 'Witsy',
  sources: ['smithery-ai/cli@407ac3b:src/config/clients.ts', 'supermemoryai/install-mcp@c2a97fb:src/client-config.ts'],
  files: [{ base: 'config', path: 'Witsy/settings.json', format: 'json', at: [['mcpServers'], ['mcp', 'servers']] }],
}

/** `servers` was a list before it became the map `mcpServers`. */
export const FIVE_IRE: Client = {
  id: '5ire',
  name: '5ire',
  sources: ['nanbingxyz/5ire@0ed0659:src/main/mcp.ts'],
  files: [{ base: 'config', path: '5ire/mcp.json', format: 'json', at: [['mcpServers'], ['servers']] }],
}

export const BOLTAI: Client = {
  id: 'boltai',
  name: 'BoltAI',
  sources: ['smithery-ai/cli@407ac3b:src/config/clients.ts'],
  files: [mcpServersIn('home', '.boltai/mcp.json', ['macos'])],
}
