import type { Finding } from '#report/model.ts'
import { any, references } from '../knowledge.ts'
import type { Check, Probe } from '../probe.ts'
import { ADVICE as of01 } from './01-authentication-required.ts'
import { ADVICE as of02 } from './02-challenge.ts'
import { ADVICE as of03 } from './03-resource-metadata.ts'
import { ADVICE as of04 } from './04-server-metadata.ts'
import { ADVICE as of05 } from './05-pkce.ts'
import { ADVICE as of06 } from './06-redirect.ts'
import { ADVICE as of07 } from './07-registration.ts'
import { ADVICE as of08 } from './08-token-validation.ts'
import { ADVICE as of09 } from './09-audience.ts'
import { ADVICE as of10 } from './10-scopes.ts'
import { ADVICE as of11 } from './11-lifetime.ts'
import { ADVICE as of12 } from './12-transport.ts'
import type { Advice } from './advice.ts'

/** By the number of the check. */
const TABLES: readonly (readonly Advice[])[] = [of01, of02, of03, of04, of05, of06, of07, of08, of09, of10, of11, of12]

/** All that is advised on the probes of a check. */
export function adviceOn({ number }: Pick<Check, 'number'>): readonly Advice[] {
  return TABLES[number - 1] ?? []
}

/** Why it matters that this probe failed, and what to do: its own words where there are any, with the check's for each stack. */
export function adviceOf(check: Check, { name }: Probe): Pick<Finding, 'why' | 'fixes' | 'references'> {
  const own = adviceOn(check).find(({ of }) => of.split(' ').includes(name))
  if (own === undefined) return { why: check.why, fixes: [...check.fixes], references: check.references }
  const ids = own.ids.split(' ').map((id) => id.replace(/^tenet-/, '2.1 tenet '))
  return {
    why: own.why,
    fixes: [any(own.fix), ...check.fixes.filter(({ stack }) => stack !== 'any')],
    references: references(own.clauses, ...ids),
  }
}
