import { createHash } from 'node:crypto'
import { SEVERITIES } from '#inventory/inventory-rules.ts'
import type { Finding } from '#report/model.ts'
import { adviceOf } from './advice/advice-of.ts'
import type { Recorder } from './exchange/recorder.ts'
import type { Asked } from './run-checks.ts'

const EXCHANGES_MAX = 4
const WORTH_SHOWING = 1800

/** What failed or should be better, worst first, each with what was sent and what came. */
export function reportFindings(url: string, asked: readonly Asked[], recorder: Recorder): Finding[] {
  const findings = asked.flatMap(({ check, probe, result }): Finding[] => {
    const { verdict, code, detail, era } = result
    if (verdict !== 'fail' && verdict !== 'warn') return []
    const own = result.exchanges.slice(-EXCHANGES_MAX).flatMap((number) => recorder.shown(number) ?? [])
    return [
      {
        code,
        verdict,
        severity:
          verdict === 'warn' && (probe.severity === 'critical' || probe.severity === 'high')
            ? 'medium'
            : probe.severity,
        title: probe.problem,
        detail: era === null ? detail : `${detail} (${era})`,
        ...adviceOf(check, probe),
        subject: { kind: 'server', url },
        evidence: { exchanges: own, quote: own.length === 0 ? detail : null, reproduce: reproduce(own.at(-1)) },
        fingerprint: createHash('sha256')
          .update(JSON.stringify([code, url, era]))
          .digest('hex')
          .slice(0, 32),
        isAccepted: false,
      },
    ]
  })
  const order = ({ severity }: Finding) => SEVERITIES.indexOf(severity)
  return findings.toSorted((one, other) => order(one) - order(other))
}

/** The last request as a line for a shell; what stands in it as a hash is a variable there. */
function reproduce(exchange: Finding['evidence']['exchanges'][number] | undefined): string | null {
  if (exchange === undefined) return null
  const { method, url, headers, body } = exchange.request
  const shown = headers
    .filter(([name]) => name !== 'content-length')
    .map(([name, value]) => ` -H ${quote(`${name}: ${value}`)}`)
  const line = `curl -i -X ${method}${shown.join('')}${body === null ? '' : ` --data ${quote(body)}`} ${quote(url)}`
  const named = line.replaceAll(/sha256:[0-9a-f]{16}/g, `'"$TOKEN"'`)
  return named.length > WORTH_SHOWING ? null : named
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
