import { createHash, randomBytes } from 'node:crypto'

export interface Client {
  readonly id: string
  readonly name: string
  readonly redirectUris: readonly string[]
  readonly grantTypes: readonly string[]
  /** SHA-256 of the secret; null for a public client. */
  readonly secretHash: string | null
  readonly registrationHash: string | null
}

/** What one consent gave. Everything that comes of it dies with it. */
export interface Grant {
  readonly id: string
  readonly subject: string
  readonly clientId: string
  readonly resource: string
  readonly scopes: readonly string[]
  isRevoked: boolean
}

export interface Code {
  readonly grant: Grant
  readonly clientId: string
  readonly redirectUri: string
  readonly challenge: string | null
  readonly challengeMethod: string
  readonly expiresAt: number
  isUsed: boolean
}

export interface RefreshToken {
  readonly grant: Grant
  readonly expiresAt: number
  isUsed: boolean
  usedAtMs?: number
}

/** An authorization request that waits for its person. */
export interface Transaction {
  readonly client: Client
  readonly redirectUri: string
  readonly state: string | null
  readonly challenge: string | null
  readonly challengeMethod: string
  readonly resource: string
  readonly scopes: readonly string[]
}

/** A browser: the cookie's hash leads here. */
export interface Browser {
  readonly csrf: string
  subject: string | null
  readonly transactions: Map<string, Transaction>
  readonly consented: Set<string>
}

export interface McpSession {
  readonly subject: string
  readonly protocolVersion: string
}

/** Everything that the server keeps, in memory; bearer values by their hash alone. */
export interface State {
  readonly clients: Map<string, Client>
  readonly grants: Map<string, Grant>
  readonly codes: Map<string, Code>
  readonly refreshTokens: Map<string, RefreshToken>
  readonly revokedTokenIds: Set<string>
  /** From when on, in seconds, of tokens whose end is still on its way. */
  readonly revokedLater: Map<string, number>
  /** Grants of which no access token counts any more, whatever else of them lives. */
  readonly deadAccess: Set<string>
  readonly browsers: Map<string, Browser>
  readonly sessions: Map<string, McpSession>
  /** Subject and text of each task, by its id. */
  readonly tasks: Map<string, { readonly subject: string; readonly text: string }>
  /** Subject of each call that has asked back, by its state. */
  readonly rounds: Map<string, string>
}

export function emptyState(): State {
  return {
    clients: new Map(),
    grants: new Map(),
    codes: new Map(),
    refreshTokens: new Map(),
    revokedTokenIds: new Set(),
    revokedLater: new Map(),
    deadAccess: new Set(),
    browsers: new Map(),
    sessions: new Map(),
    tasks: new Map(),
    rounds: new Map(),
  }
}

export function hash(value: string): string {
  return createHash('sha256').update(value).digest('base64url')
}

export function newSecret(): string {
  return randomBytes(24).toString('base64url')
}
