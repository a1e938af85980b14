import type { Severity } from '#report/model.ts'
import type { ConfiguredServer } from './configured-server.ts'
import type { PlainSecrets } from './find-plain-secrets.ts'
import type { PackageUse } from './inventory-report.ts'
import { INVENTORY_RULES, type InventoryCode } from './inventory-rules.ts'
import { matchBadVersions } from './match-bad-versions.ts'
import { readPackage, shellScript } from './read-package.ts'

/** What is wrong, before it is known where it stands. */
export interface Remark {
  readonly code: InventoryCode
  readonly severity: Severity
  readonly detail: string
  /** What tells it from others of the same code at the same server; part of its fingerprint. */
  readonly key: string
  readonly tool: string | null
}

export interface ServerJudgement {
  readonly package: PackageUse | null
  readonly isBehindGateway: boolean | null
  readonly remarks: readonly Remark[]
}

/** What a server's entry alone shows. Pure; details quote nothing that could be a secret. */
export function judgeServer(
  server: ConfiguredServer,
  secrets: PlainSecrets,
  gateway: URL | null,
  isOpenToOthers: boolean,
): ServerJudgement {
  const used = server.command === null ? null : readPackage(server.command, server.args)
  const isBehindGateway = gateway === null ? null : reachesGateway(server, used, gateway)
  return {
    package: used,
    isBehindGateway,
    remarks: [
      ...judgeSecrets(secrets, isOpenToOthers),
      ...judgePackage(used),
      ...judgeUrls(server),
      ...judgeShell(server),
      ...(isBehindGateway === false && server.isEnabled
        ? [remark('inventory.not-behind-gateway', 'it is reached directly')]
        : []),
      ...(server.approvedTools === 'all' ? [remark('inventory.trusted-whole', 'all of its tools are approved')] : []),
    ],
  }
}

export function remark(
  code: InventoryCode,
  detail: string,
  { severity = INVENTORY_RULES[code].severity, key = '', tool = null }: Partial<Omit<Remark, 'code' | 'detail'>> = {},
): Remark {
  return { code, severity, detail, key, tool }
}

function judgeSecrets({ sightings }: PlainSecrets, isOpenToOthers: boolean): Remark[] {
  const remarks = sightings.map(({ kind, place, name, hash, isCertain }) =>
    remark(
      'inventory.secret-in-plain-text',
      `${kind} in ${PLACES[place]}${place === 'url' ? '' : ` ${name}`} (${hash})`,
      { severity: isCertain ? 'high' : 'medium', key: `${place} ${name}` },
    ),
  )
  if (isOpenToOthers && sightings.some(({ isCertain }) => isCertain))
    remarks.push(remark('inventory.secret-open-to-others', 'the file is readable by everybody on the machine'))
  return remarks
}

const PLACES = {
  environment: 'variable',
  header: 'header',
  argument: 'argument',
  url: 'the URL',
  other: 'key',
} as const

function judgePackage(used: PackageUse | null): Remark[] {
  if (used === null) return []
  const remarks = matchBadVersions(used).map(({ id, what, severity, source }) =>
    remark(
      'inventory.known-bad-version',
      `${used.name} ${used.version ?? '(any version)'}: ${id}, ${what}; ${source}`,
      { severity, key: id },
    ),
  )
  if (used.pin === 'exact') return remarks
  const how = { range: 'a range of versions', tag: 'a tag that can be moved', none: 'whatever is newest' }[used.pin]
  return [
    ...remarks,
    remark(
      'inventory.package-unpinned',
      `${used.ecosystem} ${used.name} is taken by ${how}${used.version === null ? '' : ` (${used.version})`}`,
      { severity: used.pin === 'none' ? 'medium' : 'low' },
    ),
  ]
}

function judgeUrls({ url, args }: ConfiguredServer): Remark[] {
  const addresses = [...(url === null ? [] : [url]), ...args].flatMap((text) => parseUrl(text) ?? [])
  const open = addresses.filter(
    (one) => (one.protocol === 'http:' || one.protocol === 'ws:') && !isLoopback(one.hostname),
  )
  return [...new Set(open.map((one) => one.host))].map((host) =>
    remark('inventory.http-url', `${host} is called in the clear`, { key: host }),
  )
}

function parseUrl(text: string): URL | null {
  return /^(?:https?|wss?):\/\//i.test(text) ? URL.parse(text) : null
}

/** RFC 6761 §6.3 and RFC 8252 §7.3: what never leaves the machine. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    /^127(?:\.\d{1,3}){3}$/.test(hostname) ||
    hostname === '[::1]'
  )
}

function judgeShell({ command, args }: ConfiguredServer): Remark[] {
  const script = command === null ? null : shellScript(command, args)
  if (script === null) return []
  if (/(?:curl|wget|iwr|invoke-webrequest)\b[^|;&]*\|\s*(?:sudo\s+)?(?:sh|bash|zsh|iex|python\d?|node)\b/i.test(script))
    return [remark('inventory.shell-wrapper', 'the shell runs what it fetches', { severity: 'critical' })]
  if (/-(?:e|enc|encodedcommand)\b/i.test(args.join(' ')) && /powershell|pwsh/i.test(command ?? ''))
    return [remark('inventory.shell-wrapper', 'the command is encoded', { severity: 'high' })]
  // `cmd /c npx …` is how Windows starts scripts of npm; with nothing else in the line a shell adds little.
  const isPlain = /^[\w@./:\\ =+,-]*$/.test(script)
  return [
    remark('inventory.shell-wrapper', isPlain ? 'a plain command in a shell' : 'the line uses what the shell expands', {
      severity: isPlain ? 'low' : 'medium',
    }),
  ]
}

/** Bridges take a client that only knows stdio to a URL; only what we know to be one counts. */
const BRIDGES = ['mcp-remote', '@sallyport/bridge', 'supergateway', 'mcp-proxy']

function reachesGateway(server: ConfiguredServer, used: PackageUse | null, gateway: URL): boolean {
  if (server.url !== null) return isAt(gateway, server.url)
  if (used === null || !BRIDGES.includes(used.name)) return false
  const addresses = server.args.filter((text) => parseUrl(text) !== null)
  return addresses.length > 0 && addresses.every((text) => isAt(gateway, text))
}

/** Same origin, and below the gateway's path where it has one; a user part in front of the host is no gateway. */
function isAt(gateway: URL, text: string): boolean {
  const url = parseUrl(text)
  if (url === null || url.username !== '' || url.password !== '') return false
  const below = gateway.pathname.endsWith('/') ? gateway.pathname : `${gateway.pathname}/`
  return url.origin === gateway.origin && `${url.pathname}/`.startsWith(below)
}
