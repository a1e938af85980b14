import type { References, Severity } from '#report/model.ts'

/** From worst to least. */
export const SEVERITIES: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info']

export interface InventoryRule {
  readonly title: string
  /** What a finding has unless it says otherwise. */
  readonly severity: Severity
  readonly why: string
  readonly fix: string
  readonly references: References
}

const rule = (
  severity: Severity,
  title: string,
  why: string,
  fix: string,
  ...ids: readonly string[]
): InventoryRule => ({ title, severity, why, fix, references: referencesOf(ids) })

/** Ids tell by their form which taxonomy they are of. */
function referencesOf(ids: readonly string[]): References {
  const like = (form: RegExp): string[] => ids.filter((id) => form.test(id))
  return {
    clauses: [],
    owaspMcp: like(/^MCP\d/),
    owaspAgentic: like(/^ASI\d/),
    owaspLlm: like(/^LLM\d/),
    owaspNhi: like(/^NHI\d/),
    cwe: like(/^CWE-/),
    nist800207: like(/^\d\.\d tenet/),
  }
}

/** Codes are stable: baselines and CI rules name them. */
export const INVENTORY_RULES = {
  'inventory.secret-in-plain-text': rule(
    'high',
    'A secret lies in the configuration in plain text',
    'Every program of this user, every backup and every repository that the file gets into can use it, and nobody notices.',
    "Put the secret where the client can refer to it (an environment variable, a prompt, the system's keyring), or let a gateway hold it; then replace the secret, because it was readable.",
    'MCP01',
    'NHI2',
    'LLM02',
    'CWE-312',
    'CWE-522',
  ),
  'inventory.secret-open-to-others': rule(
    'high',
    'Other users of the machine can read a file with secrets',
    'The file holds secrets, and its mode lets everybody read it.',
    'Take the rights of others away (chmod 600), and replace the secrets.',
    'MCP01',
    'NHI2',
    'CWE-732',
  ),
  'inventory.known-bad-version': rule(
    'high',
    'The version that is started has a published hole',
    'What the advisory describes works against this user.',
    'Pin a version that the advisory calls fixed; of a malicious package none is: remove it and replace what it could read.',
    'MCP04',
    'ASI04',
    'LLM03',
    'CWE-1395',
  ),
  'inventory.package-unpinned': rule(
    'medium',
    'What is started can change without the user',
    'Whoever publishes the next version, or moves the tag, runs code on this machine at the next start.',
    'Name one version (for containers a digest), and change it on purpose.',
    'MCP04',
    'ASI04',
    'LLM03',
    'CWE-494',
    'CWE-1357',
  ),
  'inventory.http-url': rule(
    'high',
    'The server is called without TLS',
    'Anybody on the way reads the token and the data, and changes what the agent is told.',
    'Use https; plain http is for the loopback interface alone.',
    'MCP07',
    'CWE-319',
    '2.1 tenet 2',
  ),
  'inventory.shell-wrapper': rule(
    'medium',
    'The server is started through a shell',
    'A shell runs whatever the line becomes: variables, substitutions and further commands, which the name of the server does not show.',
    'Name the program and its arguments directly.',
    'MCP05',
    'ASI05',
    'CWE-78',
  ),
  'inventory.not-behind-gateway': rule(
    'medium',
    'The server is not behind the gateway',
    'Calls to it meet no policy, no approval and no audit record.',
    'Register the server at the gateway and put its URL there into the configuration.',
    'MCP09',
    'MCP08',
    '2.1 tenet 3',
  ),
  'inventory.duplicate-name': rule(
    'low',
    'One name, two servers',
    'The same client knows two different servers by this name; which one answers depends on where it is started.',
    'Give each server a name of its own.',
    'MCP03',
    'MCP09',
  ),
  'inventory.trusted-whole': rule(
    'medium',
    'The client asks before no call',
    'Every tool of the server, those of the next version too, is called without the user.',
    'Approve single tools that only read.',
    'MCP06',
    'ASI02',
    'LLM06',
  ),
  'inventory.unreadable-entry': rule(
    'info',
    'An entry says neither what to start nor what to call',
    'The client may read it differently than we do; it was not judged.',
    'Look at the entry.',
    'MCP09',
  ),
  'inventory.destructive-without-confirmation': rule(
    'high',
    'A tool that reaches far is called without asking',
    'One sentence in a document that the agent reads is enough to set it off.',
    'Take it off the list of approved tools; let the server annotate it as destructive; require approval at the gateway.',
    'MCP06',
    'ASI02',
    'LLM06',
    'CWE-862',
  ),
  'inventory.tool-unconstrained': rule(
    'low',
    'A tool that does more than read takes anything',
    'Nothing in its schema bounds what may be given, so only the server decides what is too much.',
    'Bound parameters in the schema: enum, pattern, maxLength, minimum and maximum.',
    'MCP05',
    'ASI02',
    'CWE-20',
  ),
  'inventory.annotation-contradicts': rule(
    'medium',
    'A tool calls itself read-only and is not',
    'Clients that believe the annotation call it without asking.',
    'Correct the annotation, or treat the server as one that does not tell the truth.',
    'MCP03',
    'ASI02',
    'CWE-345',
  ),
  'inventory.output-leaks-secret': rule(
    'high',
    'What a tool answers holds a secret',
    'It goes into the context of a model, its logs and whatever the agent writes next.',
    'Keep secrets out of answers at the server, or let a gateway redact them.',
    'MCP10',
    'LLM02',
    'CWE-200',
  ),
} as const satisfies Readonly<Record<string, InventoryRule>>

export type InventoryCode = keyof typeof INVENTORY_RULES
