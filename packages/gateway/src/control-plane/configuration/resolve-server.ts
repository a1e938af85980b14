import { dirname, isAbsolute, resolve } from 'node:path'
import { Secret } from '#core/secret.ts'
import type { HttpUpstream, StdioUpstream } from '#core/snapshot.ts'
import type { ConfigurationProblem } from './problem.ts'
import {
  argumentsWithSecrets,
  isLiteralSecret,
  parseHeaderValue,
  parseReferences,
  type ValuePart,
} from './references.ts'
import type { ServerSection } from './schema.ts'
import { readSecretFile } from './secret-files.ts'
import type { Source } from './source.ts'

/** What resolving may read, and where it tells what it found. */
export interface Resolving {
  readonly source: Source
  readonly env: Readonly<Record<string, string | undefined>>
  readonly execPath: string
  readonly isLoopback: boolean
  readonly problems: ConfigurationProblem[]
  readonly warnings: ConfigurationProblem[]
  /** Absolute paths of the files whose content went into the configuration. */
  readonly files: Set<string>
}

type Path = readonly PropertyKey[]

const WRITE_REFERENCE = 'Write `${file:path}` (a file that others cannot read) or `${env:NAME}`.'

export async function resolveStdio(
  stdio: NonNullable<ServerSection['stdio']>,
  path: Path,
  resolving: Resolving,
): Promise<StdioUpstream> {
  const folder = dirname(resolving.source.file)
  checkArguments(stdio.args, [...path, 'args'], resolving)
  const env = new Map<string, string | Secret>()
  for (const [name, value] of Object.entries(stdio.env)) {
    const resolved = await resolveEnvironmentValue(name, value, [...path, 'env', name], resolving)
    if (resolved !== null) env.set(name, resolved)
  }
  return {
    kind: 'stdio',
    command: resolveCommand(stdio.command, folder, resolving.execPath),
    args: stdio.args,
    env,
    cwd: stdio.cwd === undefined ? folder : resolve(folder, stdio.cwd),
  }
}

export async function resolveHttp(
  http: NonNullable<ServerSection['http']>,
  path: Path,
  resolving: Resolving,
): Promise<HttpUpstream> {
  const { source, problems } = resolving
  const headers = new Map<string, Secret>()
  if (isLiteralSecretInUrl(http.url)) {
    problems.push(
      source.problem(
        [...path, 'url'],
        'This URL holds a literal secret.',
        'Send it as a header: `headers: { Authorization: "Bearer ${file:path}" }`.',
      ),
    )
  }
  for (const [name, value] of Object.entries(http.headers)) {
    const at = [...path, 'headers', name]
    const parsed = parseHeaderValue(value)
    if (parsed === null) {
      // Only references: a header is for our own credential, and there is no reference that means the caller's.
      problems.push(
        source.problem(
          at,
          'A header value is one reference, nothing else.',
          'Write `${file:path}`, `${env:NAME}`, or `Bearer ${file:path}`.',
        ),
      )
      continue
    }
    const secret = await resolveReference(parsed.reference, at, resolving)
    if (secret === null) continue
    // RFC 9110 §5.5: line breaks would end the field and begin another.
    if (/[^\t\x20-\x7e]/.test(secret))
      problems.push(source.problem(at, 'The referenced secret has characters that a header cannot carry.'))
    else headers.set(name, new Secret(`${parsed.scheme}${secret}`))
  }
  return { kind: 'http', url: http.url, headers, network: http.network }
}

/** `node` is the Node.js that runs the gateway, whatever is on PATH; a path is relative to the configuration file. */
function resolveCommand(command: string, folder: string, execPath: string): string {
  if (command === 'node') return execPath
  return command.includes('/') && !isAbsolute(command) ? resolve(folder, command) : command
}

function checkArguments(args: readonly string[], path: Path, { source, problems }: Resolving): void {
  for (const [index, argument] of args.entries()) {
    const parts = parseReferences(argument)
    if (!parts.ok) problems.push(source.problem([...path, index], parts.refusal, 'Arguments know `${userDir}`.'))
    else if (parts.value.some((part) => part.kind === 'env' || part.kind === 'file'))
      problems.push(
        source.problem(
          [...path, index],
          'Everybody on this machine can see arguments.',
          'Hand the secret over in `env`.',
        ),
      )
  }
  for (const index of argumentsWithSecrets(args))
    problems.push(
      source.problem(
        [...path, index],
        'This argument holds a literal secret.',
        `Hand it over in \`env\`. ${WRITE_REFERENCE}`,
      ),
    )
}

/** Null when something was wrong (and was told). */
async function resolveEnvironmentValue(
  name: string,
  value: string,
  path: Path,
  resolving: Resolving,
): Promise<string | Secret | null> {
  const { source, problems } = resolving
  const wrong = (problem: string, instead: string) => {
    problems.push(source.problem(path, problem, instead))
    return null
  }
  const parts = parseReferences(value)
  if (!parts.ok) return wrong(parts.refusal, 'Known: `${env:NAME}`, `${file:path}`, `${userDir}`.')
  const references = parts.value.filter((part) => part.kind === 'env' || part.kind === 'file')
  const literal = parts.value.map((part) => (part.kind === 'text' ? part.text : '')).join('')
  if (references.length === 0) {
    const isPlain = !parts.value.some((part) => part.kind === 'userDir')
    return isLiteralSecret(isPlain ? name : '', literal) ? wrong('This is a literal secret.', WRITE_REFERENCE) : value
  }
  if (isLiteralSecret('', literal)) return wrong('Part of this is a literal secret.', WRITE_REFERENCE)
  if (parts.value.some((part) => part.kind === 'userDir'))
    return wrong('A secret cannot stand beside `${userDir}`.', 'Use two variables.')
  let text = ''
  for (const part of parts.value) {
    const piece = part.kind === 'text' ? part.text : await resolveReference(part, path, resolving)
    if (piece === null) return null
    text += piece
  }
  if (text.includes('\0')) return wrong('The referenced secret holds a NUL.', 'An environment cannot carry it.')
  return new Secret(text)
}

/** What a reference means; null when it means nothing (and that was told). */
export async function resolveReference(part: ValuePart, path: Path, resolving: Resolving): Promise<string | null> {
  const { source, env, isLoopback, problems, warnings, files } = resolving
  switch (part.kind) {
    case 'env': {
      const value = env[part.name]
      if (typeof value !== 'string' || value === '') {
        problems.push(
          source.problem(path, `The environment has no ${part.name}.`, `Set it, or write \`\${file:path}\`.`),
        )
        return null
      }
      if (!isLoopback)
        warnings.push(
          source.problem(
            path,
            'A secret in the environment is seen by child processes and crash dumps.',
            'Prefer `${file:path}`.',
          ),
        )
      return value
    }
    case 'file': {
      const file = resolve(dirname(source.file), part.path)
      files.add(file)
      const content = await readSecretFile(file)
      if (content.ok) return content.value
      problems.push(source.problem(path, `${part.path}: ${content.refusal}`))
      return null
    }
    case 'text':
      return part.text
    case 'userDir':
      return null
  }
}

function isLiteralSecretInUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  return (
    [...url.searchParams].some(([name, value]) => isLiteralSecret(name, value)) || isLiteralSecret('', url.pathname)
  )
}
