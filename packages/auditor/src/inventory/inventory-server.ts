import type { Finding } from '#report/model.ts'
import { callServer } from './call-server.ts'
import type { ConfiguredServer } from './configured-server.ts'
import { findPlainSecrets, type PlainSecrets, TEXT_CHARACTERS_MAX } from './find-plain-secrets.ts'
import type { InventoriedServer, PackageUse } from './inventory-report.ts'
import { judgeServer } from './judge-server.ts'
import type { Connection } from './list-tools.ts'
import { type Place, reportFinding } from './report-finding.ts'
import { safeText } from './safe-text.ts'
import { startServer } from './start-server.ts'
import type { FoundServer } from './survey-files.ts'
import { type SafeCall, visitServer } from './visit-server.ts'

export const NAME_CHARACTERS_MAX = 128
const TARGET_CHARACTERS_MAX = 300

export interface Visits {
  /** Which servers to start or call for their tools; nobody is asked without it. */
  readonly asks: (server: { readonly id: string; readonly name: string }) => boolean
  /** Tools that the user calls safe, with the arguments to call them with. */
  readonly safeCalls: readonly SafeCall[]
  /** Where `PATH` and the like come from for servers that are started. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** One server as the report has it, and what is wrong with it. From here on nothing holds a secret. */
export async function inventoryServer(
  { client, file, line, configured, isOpenToOthers }: FoundServer,
  id: string,
  gateway: URL | null,
  visits: Visits,
): Promise<{ server: InventoriedServer; findings: Finding[] }> {
  const secrets = findPlainSecrets(configured)
  const judged = judgeServer(configured, secrets, gateway, isOpenToOthers)
  const clean = (text: string, charactersMax = NAME_CHARACTERS_MAX): string =>
    safeText(secrets.redact(text.slice(0, TEXT_CHARACTERS_MAX)), charactersMax)
  const name = clean(configured.name)
  const isAsked = file === null || (configured.isEnabled && visits.asks({ id, name }))
  const visit = await visitServer(
    configured,
    visits.safeCalls.filter(({ server }) => server === id || server === name),
    isAsked ? () => connect(configured, visits.environment) : null,
  )
  const target = targetOf(configured, secrets)
  const place: Place =
    file === null ? { kind: 'url', url: target, server: id } : { kind: 'file', path: file, line, server: id }
  const server: InventoriedServer = {
    id,
    client,
    name,
    file: file ?? '',
    line,
    transport: configured.transport,
    isEnabled: configured.isEnabled,
    target,
    package: judged.package === null ? null : cleanPackage(judged.package, clean),
    environmentNames: Object.keys(configured.environment).map((one) => clean(one)),
    headerNames: Object.keys(configured.headers).map((one) => clean(one)),
    secrets: secrets.sightings.map((one) => ({ ...one, name: clean(one.name) })),
    isBehindGateway: judged.isBehindGateway,
    tools: visit.tools,
  }
  const findings = [...judged.remarks, ...visit.remarks].map((one) =>
    reportFinding({ ...one, detail: clean(one.detail, 500) }, place),
  )
  return { server, findings }
}

async function connect(configured: ConfiguredServer, environment: Visits['environment']): Promise<Connection> {
  return configured.url === null
    ? await startServer(configured, environment)
    : callServer(configured.url, configured.headers)
}

/** Secrets are taken out word by word, before quotes could hide them. */
function targetOf({ command, args, url }: ConfiguredServer, secrets: PlainSecrets): string {
  const words = (url === null ? [command ?? '', ...args] : [url]).map((word) =>
    secrets.redact(word.slice(0, TEXT_CHARACTERS_MAX)),
  )
  const line = words
    .map((word) => (url !== null || /^[\w@%+=:,./\\[\]-]+$/.test(word) ? word : JSON.stringify(word)))
    .join(' ')
  return safeText(line, TARGET_CHARACTERS_MAX)
}

function cleanPackage(used: PackageUse, clean: (text: string) => string): PackageUse {
  return { ...used, name: clean(used.name), version: used.version === null ? null : clean(used.version) }
}
