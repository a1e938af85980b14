import { z } from 'zod'

/**
 * What the auditor reports, in one place: the shapes that every output format is printed from, and that `schema/audit-report.schema.json`
 * publishes. Codes, verdicts and severities are stable within a major version of `REPORT_VERSION`.
 *
 * Every text that came from a target has been through `printable` before it is put into a report, and every token, code, verifier and secret
 * stands there as `sha256:<first 16 hexadecimal digits>` alone.
 */
export const REPORT_VERSION = '1.0'

/** What a check or a probe comes to. `not tested` is never counted as passed; `inconclusive` means that it was tried and could not be decided. */
export const verdictSchema = z.enum(['pass', 'fail', 'warn', 'inconclusive', 'not tested', 'not applicable'])

/** `critical` caps the grade at F, `high` at C; `info` is told and weighs nothing. */
export const severitySchema = z.enum(['critical', 'high', 'medium', 'low', 'info'])
export type Severity = z.infer<typeof severitySchema>

/** Era of the protocol that a probe spoke: `modern` is 2026-07-28 and later, `legacy` what begins with `initialize`. */
export const eraSchema = z.enum(['modern', 'legacy'])

/** A clause of a standard, e.g. `{spec: 'RFC 9728', section: '3.3', url: 'https://www.rfc-editor.org/rfc/rfc9728#section-3.3'}`. */
export const clauseSchema = z.strictObject({ spec: z.string(), section: z.string(), url: z.string() })

/** Where a finding stands in the taxonomies that people plan by; ids alone. Empty lists where a taxonomy has no place for it. */
export const referencesSchema = z.strictObject({
  clauses: z.array(clauseSchema),
  /** OWASP MCP Top 10:2025, e.g. `MCP07`. */
  owaspMcp: z.array(z.string()),
  /** OWASP Top 10 for Agentic Applications 2026, e.g. `ASI03`. */
  owaspAgentic: z.array(z.string()),
  /** OWASP Top 10 for LLM Applications 2025, e.g. `LLM06`. */
  owaspLlm: z.array(z.string()),
  /** OWASP Non-Human Identities Top 10 2025, e.g. `NHI4`. */
  owaspNhi: z.array(z.string()),
  /** e.g. `CWE-287`. */
  cwe: z.array(z.string()),
  /** NIST SP 800-207 tenets, e.g. `2.1 tenet 6`. */
  nist800207: z.array(z.string()),
})
export type References = z.infer<typeof referencesSchema>

/** Name and value of one header line, in the order of the wire. */
const headerSchema = z.tuple([z.string(), z.string()])

/** One request and what came back, tokens hashed and texts cut to a length worth reading. */
export const exchangeSchema = z.strictObject({
  /** Counted from 1 within one audit; the transcript has the same number. */
  number: z.number().int(),
  /** The probe that sent it, e.g. `token-validation.alg-none`. */
  label: z.string(),
  request: z.strictObject({
    method: z.string(),
    url: z.string(),
    headers: z.array(headerSchema),
    body: z.string().nullable(),
  }),
  /** Null when no answer came; `failure` says why. */
  response: z
    .strictObject({
      status: z.number().int(),
      headers: z.array(headerSchema),
      body: z.string(),
      /** True when the body was longer than what is kept or read. */
      isCut: z.boolean(),
    })
    .nullable(),
  /** Why there is no response: `timeout`, `connection refused`... Null when there is one. */
  failure: z.string().nullable(),
  /** Milliseconds since the audit began. */
  atMs: z.number().int(),
  durationMs: z.number().int(),
})

/** What a finding rests on. For a file of an inventory `exchanges` is empty and `quote` has the line, secrets redacted. */
export const evidenceSchema = z.strictObject({
  exchanges: z.array(exchangeSchema),
  /** The line of a file, or what else was seen; null when the exchanges say all. */
  quote: z.string().nullable(),
  /** One line for a shell that shows the same, with `$TOKEN` in place of secrets; null where no line can. */
  reproduce: z.string().nullable(),
})

/** What a finding is about. */
export const subjectSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('server'), url: z.string() }),
  z.strictObject({
    kind: z.literal('file'),
    /** With `~` for the home folder. */
    path: z.string(),
    /** From 1; null when the whole file is meant. */
    line: z.number().int().nullable(),
    /** Name of the server entry in that file; null when the file itself is meant. */
    server: z.string().nullable(),
  }),
  z.strictObject({ kind: z.literal('tool'), server: z.string(), tool: z.string() }),
])

/** How to put it right on one stack; `any` where the stack does not matter. */
export const fixSchema = z.strictObject({ stack: z.string(), text: z.string() })

/** Something that is wrong (`fail`) or should be better (`warn`). */
export const findingSchema = z.strictObject({
  /** Stable: `<check>.<probe>`, e.g. `token-validation.alg-none`; those of the inventory begin with `inventory.`. */
  code: z.string().regex(/^[a-z0-9-]+\.[a-z0-9-]+$/),
  verdict: z.enum(['fail', 'warn']),
  severity: severitySchema,
  /** One line that says what is wrong. */
  title: z.string(),
  /** What was seen. */
  detail: z.string(),
  /** Why it matters: what somebody could do with it. */
  why: z.string(),
  fixes: z.array(fixSchema),
  references: referencesSchema,
  subject: subjectSchema,
  evidence: evidenceSchema,
  /** Hash of code and subject (not of what was seen): the same thing found again has the same one. */
  fingerprint: z.string(),
  /** True when the baseline accepts it; it then counts neither for the exit code nor as new. It still counts for the grade. */
  isAccepted: z.boolean(),
})
export type Finding = z.infer<typeof findingSchema>

/** One probe of a check. */
export const probeResultSchema = z.strictObject({
  /** The code that its finding has or would have. */
  code: z.string(),
  /** What is right, as a promise: `a token with alg none is refused`. */
  title: z.string(),
  verdict: verdictSchema,
  /** What was seen, or why it was not tried. */
  detail: z.string(),
  /** Null where the era makes no difference. */
  era: eraSchema.nullable(),
  /** Numbers of the exchanges in the transcript. */
  exchanges: z.array(z.number().int()),
})
export type ProbeResult = z.infer<typeof probeResultSchema>

/** One of the twelve checks. */
export const checkResultSchema = z.strictObject({
  /** 1 to 12. */
  number: z.number().int().min(1).max(12),
  /** First part of the codes of its findings. */
  slug: z.string(),
  title: z.string(),
  /** Why the check exists. */
  rationale: z.string(),
  clauses: z.array(clauseSchema),
  weight: z.number().int(),
  /** The worst of its probes: fail, inconclusive, warn, pass; `not tested` when none ran. */
  verdict: verdictSchema,
  /** Part of its probes that were decided, 0 to 1; those that do not apply are left out. Only this part of the weight counts. */
  share: z.number().min(0).max(1),
  probes: z.array(probeResultSchema),
})

export const gradeSchema = z.strictObject({
  letter: z.enum(['A', 'B', 'C', 'D', 'F']).nullable(),
  /** 0 to 100, before the cap; null when nothing was tested. */
  score: z.number().nullable(),
  /** The letter can't be better than this: F after a critical failure, C after a high one. */
  cap: z.enum(['C', 'F']).nullable(),
  /** Codes that set the cap. */
  cappedBy: z.array(z.string()),
  /** True (shown as `*`) when fewer than eight of the checks were tested. */
  isProvisional: z.boolean(),
  coverage: z.strictObject({
    /** Checks of which at least one probe was decided. */
    tested: z.number().int(),
    /** Checks of which every probe that applies was decided. */
    whole: z.number().int(),
    of: z.literal(12),
    probesDecided: z.number().int(),
    probesThatApply: z.number().int(),
  }),
})

/** What `--watch` compares with the run before. */
export const observationsSchema = z.strictObject({
  eras: z.array(eraSchema),
  protocolVersions: z.array(z.string()),
  /** SHA-256 of the canonical JSON of each metadata document that was read, by URL. */
  metadata: z.record(z.string(), z.string()),
  authorizationServers: z.array(z.string()),
  scopes: z.array(z.string()),
  /** SHA-256 of the canonical JSON of each tool definition, by name; null when tools could not be listed. */
  tools: z.record(z.string(), z.string()).nullable(),
})

/** The audit of one server. */
export const auditReportSchema = z.strictObject({
  kind: z.literal('audit'),
  reportVersion: z.literal(REPORT_VERSION),
  /** Version of the checks, weights and caps; grades of different rubrics do not compare. */
  rubric: z.string(),
  tool: z.strictObject({ name: z.literal('sallyport-audit'), version: z.string() }),
  target: z.strictObject({ url: z.string(), name: z.string().nullable() }),
  /** ISO 8601, UTC. */
  startedAt: z.string(),
  durationMs: z.number().int(),
  /** What the auditor was given: nothing, one login, or two identities. */
  access: z.enum(['none', 'one login', 'two logins']),
  /** Whether probes that register clients or mint tokens were allowed. */
  mayWrite: z.boolean(),
  requests: z.number().int(),
  /** `unreachable` when no answer of an MCP server came; the checks are then all `not tested`, and `outcomeDetail` says why. */
  outcome: z.enum(['audited', 'unreachable']),
  outcomeDetail: z.string().nullable(),
  grade: gradeSchema,
  checks: z.array(checkResultSchema),
  /** Ordered by severity, then check. */
  findings: z.array(findingSchema),
  /** Told, not graded: `DPoP is supported`, ... */
  notes: z.array(z.string()),
  observations: observationsSchema,
  baseline: z
    .strictObject({
      /** Entries of the baseline that were found no longer: they fail the run, so that it never accepts what is gone. */
      stale: z.array(z.strictObject({ code: z.string(), fingerprint: z.string() })),
    })
    .nullable(),
})
export type AuditReport = z.infer<typeof auditReportSchema>
