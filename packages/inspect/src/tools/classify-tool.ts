import { readParameters } from './read-schema.ts'
import { splitName } from './split-name.ts'
import { reachesAsFar, type ToolClass } from './tool-class.ts'
import { classOfObject, classOfPlainVerb, classOfVerb, isSecretObject } from './verbs.ts'

/** A tool as a server lists it. Everything in it is the server's word and may be missing, wrong or a lie. */
export interface ToolDefinition {
  readonly name: string
  readonly title?: string | undefined
  readonly description?: string | undefined
  readonly inputSchema?: unknown
  readonly annotations?:
    | { readonly readOnlyHint?: boolean | undefined; readonly destructiveHint?: boolean | undefined }
    | undefined
}

export interface Classification {
  readonly toolClass: ToolClass
  /** Why, one sentence each, in the order in which the evidence was weighed; never empty. */
  readonly reasons: readonly string[]
}

interface Evidence {
  readonly toolClass: ToolClass
  readonly reason: string
}

const DESCRIPTION_CHARACTERS_MAX = 4096

/**
 * The class of a tool, as the furthest-reaching of what its name, parameters, description and annotations say.
 *
 * - A name that explains nothing is `destructive`: MCP's own default for an unannotated tool is destructiveHint true.
 * - Annotations and descriptions raise, they never lower: `readOnlyHint` on `delete_file` changes nothing.
 * - Operator's overrides are not known here; the caller applies them to the result, downwards too.
 */
export function classifyTool(definition: ToolDefinition): Classification {
  const byName = judgeName(definition.name)
  const evidence = [
    byName,
    ...judgeParameters(definition.inputSchema, byName.toolClass === 'read'),
    ...judgeDescription(definition.description),
    ...judgeAnnotations(definition.annotations, byName),
  ]
  const toolClass = evidence.map((one) => one.toolClass).reduce((a, b) => (reachesAsFar(a, b) ? a : b))
  return { toolClass, reasons: evidence.map((one) => one.reason) }
}

function judgeName(name: string): Evidence {
  const { words, isReadable } = splitName(name)
  if (!isReadable)
    return { toolClass: 'destructive', reason: 'the name has characters or a length that hide its meaning' }
  const head = words.find((word) => classOfVerb(word) !== null)
  const headClass = head === undefined ? null : classOfVerb(head)
  if (head === undefined || headClass === null) {
    const plain = furthest(words.map((word) => plainVerb(word)))
    if (plain !== null && plain.toolClass !== 'destructive') return plain
    return { toolClass: 'destructive', reason: 'no verb in the name says what it does' }
  }
  const rest = words.slice(words.indexOf(head) + 1)
  const found: (Evidence | null)[] = [{ toolClass: headClass, reason: `its verb '${head}' means ${headClass}` }]
  found.push(...words.map((word) => plainVerb(word)))
  if (headClass === 'read') found.push(...secondVerbs(rest), ...secretsRead(rest))
  else found.push(...furtherVerbs(rest), ...objects(rest))
  // `found` starts with the head, so there is always one.
  return furthest(found) ?? { toolClass: 'destructive', reason: 'no verb in the name says what it does' }
}

/** Behind a reading verb a word such as `merge` or `order` is a thing, unless a conjunction makes it a second act. */
function secondVerbs(rest: readonly string[]): (Evidence | null)[] {
  return rest.map((word, at) =>
    ['and', 'or', 'then', 'with'].includes(rest[at - 1] ?? '')
      ? verbEvidence(word, `'${word}' follows a conjunction`)
      : null,
  )
}

function furtherVerbs(rest: readonly string[]): (Evidence | null)[] {
  return rest.map((word) => (classOfVerb(word) === 'read' ? null : verbEvidence(word, `the name also says '${word}'`)))
}

function objects(rest: readonly string[]): (Evidence | null)[] {
  return wordsAndPairs(rest).map((thing) => {
    const toolClass = classOfObject(thing)
    return toolClass === null ? null : { toolClass, reason: `it acts on '${thing}', which means ${toolClass}` }
  })
}

function secretsRead(rest: readonly string[]): (Evidence | null)[] {
  return wordsAndPairs(rest).map((thing) =>
    isSecretObject(thing) ? { toolClass: 'admin', reason: `it hands out '${thing}', which may hold secrets` } : null,
  )
}

/** `api key` is one thing in two words. */
function wordsAndPairs(words: readonly string[]): string[] {
  return [...words, ...words.slice(1).map((word, at) => `${words[at]}${word}`)]
}

function verbEvidence(word: string, reason: string): Evidence | null {
  const toolClass = classOfVerb(word)
  return toolClass === null ? null : { toolClass, reason: `${reason}, which means ${toolClass}` }
}

function plainVerb(word: string): Evidence | null {
  const toolClass = classOfPlainVerb(word)
  return toolClass === null ? null : { toolClass, reason: `the name says '${word}', which means ${toolClass}` }
}

/** Parameters that take a program, whatever the name of the tool. */
const PROGRAM_PARAMETERS = [
  'sql',
  'rawsql',
  'sqlquery',
  'command',
  'commands',
  'cmd',
  'shell',
  'bash',
  'javascript',
  'python',
]
/** Parameters that take a program when the tool does more than read; a country has a `code` too. */
const MAYBE_PROGRAM_PARAMETERS = ['code', 'script', 'expression', 'statement', 'function', 'program', 'args', 'argv']
/** Parameters that make the upstream speak to an address of the caller's choice, so that data can leave with it. */
const ADDRESS_PARAMETERS = ['url', 'urls', 'webhook', 'webhookurl', 'callbackurl', 'endpoint']
const RECIPIENT_PARAMETERS = ['recipient', 'recipients', 'toaddress', 'toemail', 'bcc', 'phonenumber', 'emailto']
const MONEY_PARAMETERS = ['amount', 'amountcents', 'currency', 'iban', 'cardnumber', 'accountnumber', 'price']
const FORCE_PARAMETERS = ['force', 'overwrite', 'recursive', 'cascade', 'hard', 'purge', 'skipconfirmation']
const RIGHTS_PARAMETERS = ['role', 'roles', 'permission', 'permissions', 'acl', 'grants', 'isadmin', 'privileges']

function judgeParameters(inputSchema: unknown, isRead: boolean): Evidence[] {
  const { names, isComplete } = readParameters(inputSchema)
  const evidence: Evidence[] = []
  const raise = (toolClass: ToolClass, parameters: readonly string[], meaning: string): void => {
    const found = parameters.find((parameter) => names.has(parameter))
    if (found !== undefined) evidence.push({ toolClass, reason: `its parameter '${found}' ${meaning}` })
  }
  if (!isComplete)
    evidence.push({ toolClass: 'destructive', reason: 'its parameters are too many or too deep to judge' })
  raise('execute', PROGRAM_PARAMETERS, 'takes a program to run')
  raise('send', ADDRESS_PARAMETERS, 'names an address to contact')
  if (isRead) return evidence
  raise('execute', MAYBE_PROGRAM_PARAMETERS, 'takes a program to run')
  raise('send', RECIPIENT_PARAMETERS, 'names who receives something')
  raise('financial', MONEY_PARAMETERS, 'is about money')
  raise('admin', RIGHTS_PARAMETERS, 'is about rights')
  raise('destructive', FORCE_PARAMETERS, 'overrides a safeguard')
  if (names.has('to') && ['body', 'message', 'subject', 'text'].some((name) => names.has(name))) {
    evidence.push({ toolClass: 'send', reason: "its parameter 'to' names who receives something" })
  }
  if (names.has('path') && ['content', 'contents', 'data', 'text', 'edits'].some((name) => names.has(name))) {
    evidence.push({ toolClass: 'destructive', reason: 'it writes content to a path and may overwrite what is there' })
  }
  if (names.has('source') && ['destination', 'target'].some((name) => names.has(name))) {
    evidence.push({ toolClass: 'destructive', reason: 'it moves something onto a place that may be taken' })
  }
  return evidence
}

/** Sentences in a description that admit more than the name does. Each pattern is a plain alternation: linear. */
const ADMISSIONS: readonly (readonly [ToolClass, RegExp])[] = [
  ['destructive', /\b(?:permanently|irreversibl[ey]|cannot be undone|can't be undone|overwrit(?:e|es|ing))\b/i],
  [
    'execute',
    /\b(?:runs?|executes?|evaluates?) (?:an? |the |any )?(?:arbitrary |raw |given )?(?:shell|sql|javascript|python|code|commands?|scripts?)\b/i,
  ],
  ['send', /\b(?:sends?|posts?|publish(?:es)?) (?:an? |the )?(?:emails?|messages?|sms|notifications?|tweets?)\b/i],
  [
    'financial',
    /\b(?:charges?|refunds?|transfers?|pays?) (?:an? |the )?(?:money|funds|customers?|cards?|payments?|invoices?)\b/i,
  ],
  ['admin', /\b(?:environment variables|(?:grants?|revokes?) (?:an? |the )?(?:access|roles?|permissions?))\b/i],
]

function judgeDescription(description: string | undefined): Evidence[] {
  const text = (description ?? '').slice(0, DESCRIPTION_CHARACTERS_MAX)
  return ADMISSIONS.flatMap(([toolClass, pattern]) => {
    const found = pattern.exec(text)
    return found === null ? [] : [{ toolClass, reason: `its description says '${found[0].toLowerCase()}'` }]
  })
}

/** MCP 2025-11-25, ToolAnnotations: all hints, "not to be trusted" from an untrusted server; so they only raise. */
function judgeAnnotations(annotations: ToolDefinition['annotations'], byName: Evidence): Evidence[] {
  const evidence: Evidence[] = []
  if (annotations?.destructiveHint === true) {
    evidence.push({ toolClass: 'destructive', reason: 'it is annotated destructiveHint' })
  }
  if (annotations?.readOnlyHint === false) {
    evidence.push({ toolClass: 'write', reason: 'it is annotated as not read-only' })
  }
  if (annotations?.readOnlyHint === true && byName.toolClass !== 'read') {
    evidence.push({ toolClass: 'read', reason: 'it is annotated readOnlyHint, which does not outweigh the rest' })
  }
  return evidence
}

function furthest(evidence: readonly (Evidence | null)[]): Evidence | null {
  let best: Evidence | null = null
  for (const one of evidence) {
    if (one !== null && (best === null || !reachesAsFar(best.toolClass, one.toolClass))) best = one
  }
  return best
}
