import { TOOL_CLASSES } from '@sallyport/inspect'
import { z } from 'zod'
import { findingSchema } from '#report/model.ts'

/** Changed when a reader of older reports would misread a newer one. */
export const INVENTORY_VERSION = '1.0'

const secretSightingSchema = z.strictObject({
  /** What it is: `github-token`, `password`, `random-looking`... */
  kind: z.string(),
  place: z.enum(['environment', 'header', 'argument', 'url', 'other']),
  /** The variable, header or key; the number of an argument. */
  name: z.string(),
  /** `sha256:` and 8 hexadecimal digits: enough to see the same secret twice, too little to find it by. */
  hash: z.string(),
  /** False when only its looks give it away. */
  isCertain: z.boolean(),
})
/** Where in a server's entry a secret lies. Names the place, never the value. */
export type SecretSighting = z.infer<typeof secretSightingSchema>

const packageUseSchema = z.strictObject({
  ecosystem: z.enum(['npm', 'pypi', 'container', 'git']),
  name: z.string(),
  version: z.string().nullable(),
  /** `exact` can't change under the user; a `range` or `tag` can, and `none` takes what is newest. */
  pin: z.enum(['exact', 'range', 'tag', 'none']),
})
/** The package that a command line fetches and runs. */
export type PackageUse = z.infer<typeof packageUseSchema>

const inventoriedToolSchema = z.strictObject({
  name: z.string(),
  toolClass: z.enum(TOOL_CLASSES),
  risk: z.enum(['low', 'standard', 'sensitive', 'privileged']),
  /** Why it is of this class. */
  reasons: z.array(z.string()),
  parameters: z.number().int(),
  /** Parameters whose schema bounds what may be given. */
  boundedParameters: z.number().int(),
  hasAnnotations: z.boolean(),
  /** Who is asked before a call: the user by the client, a parameter of the tool, or nobody. */
  confirmation: z.enum(['client', 'parameter', 'none']),
  /** Null when the tool was not called. */
  outputSecrets: z.array(z.strictObject({ kind: z.string(), hash: z.string() })).nullable(),
})
export type InventoriedTool = z.infer<typeof inventoriedToolSchema>

const toolsReadSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('notAsked') }),
  z.strictObject({ kind: z.literal('failed'), reason: z.string() }),
  z.strictObject({ kind: z.literal('listed'), tools: z.array(inventoriedToolSchema), isComplete: z.boolean() }),
])
export type ToolsRead = z.infer<typeof toolsReadSchema>

const inventoriedServerSchema = z.strictObject({
  /** `client/name`, with `#2` and on where that is taken. Stable for the same files. */
  id: z.string(),
  client: z.string(),
  name: z.string(),
  /** `~` for the home folder, relative in the project; empty for a server named by URL. */
  file: z.string(),
  /** Where the name stands, as far as that can be told. */
  line: z.number().int().nullable(),
  transport: z.enum(['stdio', 'http', 'sse', 'websocket', 'unknown']),
  isEnabled: z.boolean(),
  /** The command line or the URL, without secrets. */
  target: z.string(),
  package: packageUseSchema.nullable(),
  environmentNames: z.array(z.string()),
  headerNames: z.array(z.string()),
  secrets: z.array(secretSightingSchema),
  /** Null when no gateway was named. */
  isBehindGateway: z.boolean().nullable(),
  tools: toolsReadSchema,
})
export type InventoriedServer = z.infer<typeof inventoriedServerSchema>

/**
 * The servers that clients on a machine are set up for. Everything in it is safe to print: secrets are kinds and hashes,
 * texts have passed `safeText`.
 */
export const inventoryReportSchema = z.strictObject({
  kind: z.literal('inventory'),
  reportVersion: z.literal(INVENTORY_VERSION),
  tool: z.strictObject({ name: z.literal('sallyport-audit'), version: z.string() }),
  /** ISO 8601, UTC. */
  takenAt: z.string(),
  platform: z.enum(['linux', 'macos', 'windows']),
  /** The issue of the list of known bad versions. */
  knownBadVersion: z.string(),
  /** What servers were held against; null when no gateway was named. */
  gateway: z.string().nullable(),
  /** Clients of which at least one file exists. */
  clients: z.array(z.strictObject({ id: z.string(), name: z.string(), files: z.array(z.string()) })),
  servers: z.array(inventoriedServerSchema),
  /** Files that could not be looked at, or only in part. */
  problems: z.array(z.strictObject({ client: z.string(), file: z.string(), problem: z.string() })),
  /** The most severe first. */
  findings: z.array(findingSchema),
})
export type InventoryReport = z.infer<typeof inventoryReportSchema>

/** JSON Schema (2020-12) of what `inventory --format json` prints. */
export function inventoryJsonSchema(): unknown {
  return {
    ...z.toJSONSchema(inventoryReportSchema, { target: 'draft-2020-12' }),
    $id: `https://sallyport.dev/schema/inventory-report-${INVENTORY_VERSION}.json`,
    title: 'Report of sallyport-audit inventory',
  }
}
