/** A server as its client would start or call it. Holds what the file says, secrets included: never put into a report. */
export interface ConfiguredServer {
  readonly name: string
  readonly transport: Transport
  /** As the file says it; null for a server that is called by URL. */
  readonly command: string | null
  readonly args: readonly string[]
  readonly url: string | null
  readonly environment: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  readonly isEnabled: boolean
  /** Tools that the client calls without asking; `all` where it trusts the server whole. */
  readonly approvedTools: readonly string[] | 'all'
  /** Every other text in the entry, by its last key: where else secrets may lie. */
  readonly otherTexts: readonly (readonly [key: string, text: string])[]
}

export type Transport = 'stdio' | 'http' | 'sse' | 'websocket' | 'unknown'
