import { type LoadedConfiguration, loadConfiguration } from '#control-plane/configuration/load.ts'
import { asTenantId } from '#core/ids.ts'
import { CliFailure, EXIT } from './exit-codes.ts'
import { explainProblems } from './explain-problems.ts'
import type { Environment, Places } from './places.ts'

/** The configuration of what a command is about: the gateway, or one of its tenants. */
export async function loadPlace(places: Places, env: Environment): Promise<LoadedConfiguration> {
  const { configurationFile: file, stateDir, tenant } = places
  const loaded = await loadConfiguration({ file, env, stateDir })
  if (!loaded.ok) throw new CliFailure(EXIT.configuration, explainProblems(loaded.refusal))
  const found = tenant === null ? loaded.value : loaded.value.tenants.get(asTenantId(tenant))
  if (found === undefined) throw new CliFailure(EXIT.negative, `${file} has no tenant ${String(tenant)}.`)
  return found
}
