import { z } from 'zod'
import { exchangeSchema } from './model.ts'

/** A major version is one that older programs cannot play. */
export const TRANSCRIPT_VERSION = '1.0'

const headerSchema = z.tuple([z.string(), z.string()])
const countSchema = z.number().int().min(0)
const jsonSchema = z.json()

/**
 * All that one audit asked and saw: what `--record` writes, what `replay` plays, and what `schema/audit-transcript.schema.json` publishes. Every
 * token, code and secret is a stand-in of the same make that opens nothing.
 */
export const transcriptSchema = z.strictObject({
  kind: z.literal('transcript'),
  transcriptVersion: z.literal(TRANSCRIPT_VERSION),
  /** That of the checks that asked. Others may ask for what is not here; that is then not tested. */
  rubric: z.string(),
  tool: z.strictObject({ name: z.literal('sallyport-audit'), version: z.string() }),
  /** ISO 8601, UTC. */
  startedAt: z.string().refine((text) => !Number.isNaN(Date.parse(text)), 'Not a time'),
  /** What states, verifiers and the like are made of (base64url). */
  seed: z.string().regex(/^[\w-]{43}$/),
  /** What the audit was given. */
  given: z.strictObject({
    url: z.string().refine((url) => /^https?:/.test(URL.parse(url)?.protocol ?? ''), 'Not a URL'),
    isPublic: z.boolean(),
    mayWrite: z.boolean(),
    /** Where each person's authorization responses were caught. */
    people: z.array(z.strictObject({ redirectUri: z.string() })).max(2),
    /** Stand-ins for tokens that were given. */
    tokens: z.array(z.string()).max(2),
    devices: countSchema.max(2),
    client: z.strictObject({ id: z.string(), secret: z.string().nullable(), redirectUri: z.string() }).nullable(),
    otherResource: z.string().nullable(),
    /** Stand-ins for tokens of other issuers. */
    foreignTokens: z.array(z.string()),
    safeCalls: z.array(z.strictObject({ name: z.string(), arguments: z.record(z.string(), jsonSchema) })),
    /** Whether what the target sent to its upstream was seen. */
    upstream: z.boolean(),
    patienceSeconds: countSchema,
  }),
  /** In the order in which they were begun. */
  exchanges: z.array(
    z.strictObject({
      /** What it is known by in a replay, together with its label. */
      what: z.string(),
      /** As a report shows it. */
      shown: exchangeSchema,
      /** As the checks see it; `body` is a place in `bodies`. */
      answer: z.strictObject({
        status: countSchema,
        headers: z.array(headerSchema),
        body: countSchema,
        isCut: z.boolean(),
        failure: z.string().nullable(),
        durationMs: countSchema,
        tlsVersion: z.string().nullable(),
      }),
    }),
  ),
  /** What else was seen: authorization responses of people, handshakes. */
  observations: z.array(z.strictObject({ label: z.string(), what: z.string(), seen: jsonSchema })),
  /** Each text once. */
  bodies: z.array(z.string()),
})
export type Transcript = z.infer<typeof transcriptSchema>
