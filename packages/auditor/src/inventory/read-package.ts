import type { PackageUse } from './inventory-report.ts'

/**
 * The package that a command line fetches and runs, or null when it runs what is on the machine. Knows npx, bunx, pnpm,
 * yarn, npm, deno, uvx, uv, pipx, docker, podman and nerdctl; looks through shells and `env` in front of them.
 */
export function readPackage(command: string, args: readonly string[]): PackageUse | null {
  const words = unwrap([command, ...args])
  const [program, ...rest] = words
  if (program === undefined) return null
  switch (programName(program)) {
    case 'npx':
    case 'bunx':
    case 'pnpx':
      return npmFrom(rest)
    case 'npm':
    case 'pnpm':
    case 'yarn':
    case 'bun':
      return ['exec', 'x', 'dlx'].includes(rest[0] ?? '') ? npmFrom(rest.slice(1)) : null
    case 'deno':
      return denoFrom(rest)
    case 'uvx':
      return pypiFrom(rest)
    case 'uv':
      return rest[0] === 'tool' && rest[1] === 'run' ? pypiFrom(rest.slice(2)) : uvRunFrom(rest)
    case 'pipx':
      return rest[0] === 'run' ? pypiFrom(rest.slice(1)) : null
    case 'docker':
    case 'podman':
    case 'nerdctl':
      return ['run', 'create'].includes(rest[0] ?? '') ? containerFrom(rest.slice(1)) : null
    default:
      return null
  }
}

/** `C:\…\npx.cmd` is `npx`. */
export function programName(program: string): string {
  const name = program.split(/[\\/]/).at(-1) ?? ''
  return name.toLowerCase().replace(/\.(?:cmd|exe|bat|ps1)$/, '')
}

const SHELLS = ['sh', 'bash', 'zsh', 'dash', 'ksh', 'fish', 'cmd', 'powershell', 'pwsh', 'wsl']

/** The script that a shell is given, or null when the program is no shell. */
export function shellScript(command: string, args: readonly string[]): string | null {
  const name = programName(command)
  if (!SHELLS.includes(name)) return null
  if (name === 'wsl') return args.filter((word) => word !== '--').join(' ')
  const flag = args.findIndex((word) => /^(?:-[a-z]*c|\/c|\/k|-command|-encodedcommand)$/i.test(word))
  return flag === -1 ? args.join(' ') : args.slice(flag + 1).join(' ')
}

/** Two shells in one another are looked through, and `env NAME=value`. */
function unwrap(words: readonly string[]): readonly string[] {
  let rest = words
  for (let round = 0; round < 4; round++) {
    const [program, ...args] = rest
    if (program === undefined) return rest
    const script = shellScript(program, args)
    if (script !== null) rest = splitWords(script)
    else if (programName(program) === 'env') rest = args.slice(args.findIndex((word) => !/^-|=/.test(word)))
    else return rest
  }
  return rest
}

/** The first simple command of a script, by words; quotes hold words together. */
function splitWords(script: string): string[] {
  const first = /^(?:"[^"]*"|'[^']*'|[^;&|\n"'])*/.exec(script)?.[0] ?? ''
  const words = first.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? []
  const plain = words.map((word) => word.replace(/["']/g, ''))
  return ['exec', 'call', 'start'].includes(plain[0] ?? '') ? plain.slice(1) : plain
}

function npmFrom(words: readonly string[]): PackageUse | null {
  const named = flagValue(words, ['-p', '--package'])
  const spec = named ?? words.find((word) => !word.startsWith('-'))
  return spec === undefined || /^[./~]|^[A-Za-z]:[\\/]/.test(spec) ? null : npmSpec(spec)
}

function npmSpec(spec: string): PackageUse {
  if (isGit(spec)) return gitSpec(spec)
  const at = spec.indexOf('@', 1)
  const name = at === -1 ? spec : spec.slice(0, at)
  const version = at === -1 ? null : spec.slice(at + 1)
  return { ecosystem: 'npm', name, version, pin: pinOf(version) }
}

function denoFrom(words: readonly string[]): PackageUse | null {
  const spec = words.find((word) => /^(?:npm|jsr):/.test(word))
  return spec === undefined ? null : npmSpec(spec.replace(/^(?:npm|jsr):\/?/, ''))
}

function pypiFrom(words: readonly string[]): PackageUse | null {
  const spec = flagValue(words, ['--from', '--spec']) ?? words.find((word) => !word.startsWith('-'))
  return spec === undefined || /^[./~]|^[A-Za-z]:[\\/]/.test(spec) ? null : pypiSpec(spec)
}

function uvRunFrom(words: readonly string[]): PackageUse | null {
  const spec = flagValue(words, ['--with'])
  return words[0] !== 'run' || spec === undefined ? null : pypiSpec(spec)
}

function pypiSpec(spec: string): PackageUse {
  if (isGit(spec)) return gitSpec(spec)
  const [, name = spec, operator = '', version = ''] =
    /^([\w.-]+(?:\[[^\]]*\])?)\s*(===?|~=|[<>]=?|!=|@)?\s*(.*)$/.exec(spec) ?? []
  const bare = name
    .replace(/\[.*$/, '')
    .toLowerCase()
    .replace(/[-_.]+/g, '-')
  if (operator === '') return { ecosystem: 'pypi', name: bare, version: null, pin: 'none' }
  const isExact =
    (operator.startsWith('==') && !version.includes('*')) || (operator === '@' && /^\d+(?:\.\d+)+/.test(version))
  const isTag = operator === '@' && !isExact
  return { ecosystem: 'pypi', name: bare, version, pin: isExact ? 'exact' : isTag ? 'tag' : 'range' }
}

/** Flags of `docker run` that take no value; any other takes the next word. */
const CONTAINER_SWITCHES = [
  '-i',
  '-t',
  '-d',
  '-it',
  '-ti',
  '-P',
  '--rm',
  '--init',
  '--interactive',
  '--tty',
  '--privileged',
  '--read-only',
  '--detach',
  '--publish-all',
  '--no-healthcheck',
  '--quiet',
  '-q',
]

function containerFrom(words: readonly string[]): PackageUse | null {
  let at = 0
  while (at < words.length && words[at]?.startsWith('-')) {
    const word = words[at] ?? ''
    at += word.includes('=') || CONTAINER_SWITCHES.includes(word) ? 1 : 2
  }
  const image = words[at]
  if (image === undefined) return null
  const digest = image.indexOf('@')
  if (digest !== -1) {
    const isDigest = /^sha256:[0-9a-f]{64}$/.test(image.slice(digest + 1))
    return {
      ecosystem: 'container',
      name: image.slice(0, digest),
      version: image.slice(digest + 1),
      pin: isDigest ? 'exact' : 'none',
    }
  }
  const tag = image.indexOf(':', image.lastIndexOf('/') + 1)
  if (tag === -1) return { ecosystem: 'container', name: image, version: null, pin: 'none' }
  const version = image.slice(tag + 1)
  // A tag can be moved by whoever may push; only a digest can't.
  return { ecosystem: 'container', name: image.slice(0, tag), version, pin: version === 'latest' ? 'none' : 'tag' }
}

function isGit(spec: string): boolean {
  return (
    /^(?:git\+|git:|github:|gitlab:|bitbucket:|gist:|https?:)/.test(spec) || /^[\w.-]+\/[\w.-]+(?:#.*)?$/.test(spec)
  )
}

function gitSpec(spec: string): PackageUse {
  const [, name = spec, version = null] = /^(.*?)(?:[#@]([^/@#]+))?$/.exec(spec) ?? []
  const isCommit = version !== null && /^[0-9a-f]{40}$/.test(version)
  return { ecosystem: 'git', name, version, pin: isCommit ? 'exact' : version === null ? 'none' : 'tag' }
}

function pinOf(version: string | null): PackageUse['pin'] {
  if (version === null || version === '' || version === '*' || version === 'latest') return 'none'
  if (/^v?\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$/.test(version)) return 'exact'
  return /^[\^~<>=v\d]/.test(version) ? 'range' : 'tag'
}

function flagValue(words: readonly string[], flags: readonly string[]): string | undefined {
  for (const [index, word] of words.entries()) {
    if (flags.includes(word)) return words[index + 1]
    const flag = flags.find((one) => word.startsWith(`${one}=`))
    if (flag !== undefined) return word.slice(flag.length + 1)
  }
  return undefined
}
