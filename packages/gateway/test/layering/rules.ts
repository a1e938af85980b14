const LEAVES = ['core', 'wire']
const RIM = ['policy', 'store/ports', 'net', 'http', 'keys', 'telemetry']
const MIDDLE = ['identity', 'vault', 'audit']
const PLANES = ['data-plane', 'authorization-server', 'control-plane']

/**
 * Who may import whom inside packages/gateway/src. Left: a part. Right: the parts it may import, besides itself.
 * The three planes never import each other; `policy` decides from core and wire alone; store engines are known only to
 * whoever composes the process.
 */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  wire: ['core'],
  policy: LEAVES,
  'store/ports': LEAVES,
  net: LEAVES,
  http: LEAVES,
  telemetry: LEAVES,
  keys: [...LEAVES, 'store/ports'],
  identity: [...LEAVES, 'policy', 'store/ports', 'net', 'keys'],
  vault: [...LEAVES, 'store/ports', 'net', 'keys'],
  audit: [...LEAVES, 'store/ports', 'keys'],
  store: [...LEAVES, 'store/ports'],
  'data-plane': [...LEAVES, ...RIM, ...MIDDLE],
  'authorization-server': [...LEAVES, ...RIM, ...MIDDLE],
  'control-plane': [...LEAVES, ...RIM, ...MIDDLE],
  serve: [...LEAVES, ...RIM, ...MIDDLE, ...PLANES, 'store'],
  cli: [...LEAVES, ...RIM, ...MIDDLE, 'control-plane', 'store', 'serve'],
  main: ['core', 'telemetry', 'serve', 'cli'],
}

/** Packages and platform modules that one place alone may import, as a folder or file below packages/gateway/src. */
export const ONLY_IN: Readonly<Record<string, readonly string[]>> = {
  'oidc-provider': ['authorization-server/engine/'],
  kysely: ['store/'],
  'node:sqlite': ['store/'],
  pg: ['store/postgres/'],
  undici: ['net/'],
  'node:dns': ['net/'],
  'node:dns/promises': ['net/'],
  'node:dgram': [],
  'node:child_process': ['data-plane/upstream/'],
  pino: ['telemetry/'],
  yaml: ['control-plane/configuration/'],
  commander: ['cli/'],
  // A second way to run code or to reach the outside would be a second road.
  'node:vm': [],
  'node:http2': [],
}

/** Where the process's surroundings may be read; everything else is handed what it needs. */
export const MAY_READ_SURROUNDINGS: readonly string[] = ['main.ts', 'cli/']

/** Names that say where code was put, not what it is about. */
export const FOLDERS_WITHOUT_A_NOUN: readonly string[] = ['utils', 'helpers', 'common', 'shared', 'lib']
