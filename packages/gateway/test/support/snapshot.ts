import { asServerId, DEFAULT_TENANT, type ServerId } from '#core/ids.ts'
import type { RegistrationPolicy, RolePolicy, ServerEntry, Snapshot } from '#core/snapshot.ts'
import type { ToolClass } from '#core/tool-classes.ts'
import { NO_SENDER_RULES } from './sender-rules.ts'

/** What a policy says of registration when it says nothing in particular. */
export const UNGOVERNED: Pick<RegistrationPolicy, 'perHour' | 'unusedDays' | 'documentHosts' | 'statements'> = {
  perHour: 1_000,
  unusedDays: 90,
  documentHosts: { allow: [], deny: [] },
  statements: [],
}

const PUBLIC_URL = 'http://127.0.0.1:8700'

export function testServer(id: string, changes: Partial<ServerEntry> = {}): ServerEntry {
  return {
    id: asServerId(id),
    title: `Title of ${id}`,
    description: '',
    resource: `${PUBLIC_URL}/mcp/${id}`,
    upstream: { kind: 'stdio', command: 'false', args: [], env: new Map(), cwd: null },
    baselineClasses: ['read'],
    toolClasses: new Map(),
    toolScopes: new Set(),
    limits: {
      requestBytesMax: 64 * 1024,
      responseBytesMax: 1024 * 1024,
      callTimeoutSeconds: 5,
      sessionsPerSubjectMax: 5,
      idleSeconds: 60,
    },
    ...changes,
  }
}

export function testRole(name: string, allow: Record<string, readonly ToolClass[]>): RolePolicy {
  // Keys are server ids or `*`, as the caller wrote them.
  const entries = Object.entries(allow).map(([id, classes]) => [id as ServerId | '*', new Set(classes)] as const)
  return { name, admin: null, allow: new Map(entries) }
}

export function testSnapshot(changes: Partial<Snapshot> = {}): Snapshot {
  const servers = [testServer('files'), testServer('notes')]
  const roles = [testRole('reader', { '*': ['read'] }), testRole('writer', { '*': ['write'] })]
  return {
    version: 'a'.repeat(64),
    number: 1,
    tenant: DEFAULT_TENANT,
    publicUrl: PUBLIC_URL,
    isLoopback: true,
    allowedOrigins: new Set(['https://ide.example']),
    trustedProxies: [],
    registration: { mode: 'open', clientsMax: 10, perAddressPerHour: 10, metadataDocuments: true, ...UNGOVERNED },
    clients: new Map(),
    servers: new Map(servers.map((server) => [server.id, server])),
    roles: new Map(roles.map((role) => [role.name, role])),
    lifetimes: { accessTokenSeconds: 900, refreshTokenSeconds: 14_400, loginSessionSeconds: 28_800 },
    introspection: new Map(),
    identityProviders: new Map(),
    hasPasswords: true,
    signing: { rotateSeconds: 2_592_000, publishAheadSeconds: 900, algorithms: new Set(['ES256'] as const) },
    senders: NO_SENDER_RULES,
    mutualTls: null,
    dangerousOptions: [],
    ...changes,
  }
}
