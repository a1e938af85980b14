import type { Flaw } from '../mutants.ts'
import type { SigningKeys } from './keys.ts'
import type { State } from './state.ts'

export type Era = 'modern' | 'legacy'

/** One protected resource: an MCP server at a path, known by its full URL. */
export interface Resource {
  readonly path: string
  readonly url: string
}

/** What all parts of one reference server share. Issuer and resources come from here, never from a request. */
export interface Site {
  /** Origin of the resources. */
  readonly origin: string
  readonly issuer: string
  /** Path of the issuer: '' or '/as'. */
  readonly issuerPath: string
  readonly isSecure: boolean
  readonly eras: readonly Era[]
  readonly resources: readonly Resource[]
  /** An MCP server that is asked along the way; null where there is none. */
  readonly upstreamUrl: string | null
  /** Whether a code is used up by whatever is tried with it. */
  readonly burnsCodes: boolean
  readonly keys: SigningKeys
  readonly state: State
  nowMs(): number
  nowSeconds(): number
  /** Whether this server is wrong in this one way. */
  flawed(flaw: Flaw): boolean
}

/** Scope of each tool; a scope that includes others is listed with them. */
export const SCOPES: readonly string[] = ['notes:read', 'notes:write', 'notes:delete']
/** What a challenge asks for: the least that is of use. */
export const LEAST_SCOPE = 'notes:read'

/** An issuer that none of these servers knows. */
export const VENDOR = 'https://login.vendor.example.net'

export const ACCOUNTS: ReadonlyMap<string, string> = new Map([
  ['alice', 'alice reads the tide tables'],
  ['bob', 'bob keeps the lighthouse log'],
])

export function metadataUrl(site: Site, resource: Resource): string {
  return `${site.origin}/.well-known/oauth-protected-resource${resource.path}`
}
