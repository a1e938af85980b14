import type { ToolClass } from '@sallyport/inspect'
import type { Transport } from './configured-server.ts'
import type { SecretSighting } from './find-plain-secrets.ts'
import type { InventoryCode, InventoryRule, Severity } from './inventory-rules.ts'
import type { Platform } from './layout.ts'
import type { PackageUse } from './read-package.ts'

/** Changed when a reader of older reports would misread a newer one. `schema/inventory-report.json` describes it. */
export const INVENTORY_FORMAT = 'sallyport-inventory/1'

/** Everything in it is safe to print: secrets are kinds and hashes, texts have passed `printable`. */
export interface InventoryReport {
  readonly format: typeof INVENTORY_FORMAT
  /** ISO 8601, UTC. */
  readonly takenAt: string
  readonly platform: Platform
  /** The issue of the list of known bad versions. */
  readonly knownBadVersion: string
  /** What servers were held against; null when no gateway was named. */
  readonly gateway: string | null
  /** Clients of which at least one file exists. */
  readonly clients: readonly { readonly id: string; readonly name: string; readonly files: readonly FileReference[] }[]
  readonly servers: readonly InventoriedServer[]
  /** Files that could not be looked at, or only in part. */
  readonly problems: readonly InventoryProblem[]
  /** The most severe first. */
  readonly findings: readonly InventoryFinding[]
  /** The rules that found something, by code. */
  readonly rules: Readonly<Record<string, InventoryRule>>
}

/** A file without the name of the user: below the home, below a project, or from the root of the machine. */
export interface FileReference {
  readonly root: 'home' | 'project' | 'machine'
  readonly path: string
}

export interface InventoriedServer {
  /** `client/name`, with `#2` and on where that is taken. Stable for the same files. */
  readonly id: string
  readonly client: string
  readonly name: string
  readonly file: FileReference
  /** Where the name stands, as far as that can be told. */
  readonly line: number | null
  readonly transport: Transport
  readonly isEnabled: boolean
  /** The command line or the URL, without secrets. */
  readonly target: string
  readonly package: PackageUse | null
  readonly environmentNames: readonly string[]
  readonly headerNames: readonly string[]
  readonly secrets: readonly SecretSighting[]
  /** Null when no gateway was named. */
  readonly isBehindGateway: boolean | null
  readonly tools: ToolsRead
}

export type ToolsRead =
  | { readonly kind: 'notAsked' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'listed'; readonly tools: readonly InventoriedTool[]; readonly isComplete: boolean }

export type Risk = 'low' | 'standard' | 'sensitive' | 'privileged'

export interface InventoriedTool {
  readonly name: string
  readonly toolClass: ToolClass
  readonly risk: Risk
  readonly reasons: readonly string[]
  readonly parameters: number
  /** Parameters whose schema bounds what may be given. */
  readonly boundedParameters: number
  readonly hasAnnotations: boolean
  /** Who is asked before a call that reaches far: the user by the client, a parameter of the tool, or nobody. */
  readonly confirmation: 'client' | 'parameter' | 'none'
  /** Null when the tool was not called. */
  readonly outputSecrets: readonly { readonly kind: string; readonly hash: string }[] | null
}

export interface InventoryProblem {
  readonly client: string
  readonly file: FileReference
  readonly problem: string
}

export interface InventoryFinding {
  readonly code: InventoryCode
  readonly severity: Severity
  readonly detail: string
  readonly server: string | null
  readonly tool: string | null
  readonly file: FileReference | null
  readonly line: number | null
}
