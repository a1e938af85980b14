import { createAuditTrail } from '#audit/create-trail.ts'
import { openLogOperations } from '#control-plane/admin-api/open-log-operations.ts'
import { createAdminApi } from '#control-plane/admin-api/routes.ts'
import { systemClock } from '#core/clock.ts'
import { asRequestId } from '#core/ids.ts'
import { systemRandom, uuidv7 } from '#core/random.ts'
import { ok, refused } from '#core/result.ts'
import { openAuditLog } from '#serve/audit-log.ts'
import { openStoreSealer } from '#serve/open-keys.ts'
import { openStore } from '#serve/open-store.ts'
import { openStateFolder } from '#serve/state-folder.ts'
import { createLog } from '#telemetry/log.ts'
import type { AdminClient } from './admin-client.ts'
import { CliFailure, EXIT } from './exit-codes.ts'
import type { CliIo } from './io.ts'
import { loadPlace } from './load-place.ts'
import type { Environment, Places } from './places.ts'

/** Opens the state itself, while no server runs, and calls the same handlers in this process. Records are written as if a server did it. */
export async function openLocalAdmin(places: Places, env: Environment, io: CliIo): Promise<AdminClient> {
  const { snapshot, warnings, store: settings } = await loadPlace(places, env)
  const closers: (() => unknown)[] = []
  const close = async () => {
    for (const closer of closers.reverse()) await closer()
  }
  try {
    const folder = await openStateFolder(places.stateDir)
    const clock = systemClock
    const random = systemRandom
    const log = createLog({ write: (line) => io.stderr.write(line) }, 'warn')
    const { store } = await openStore(settings, folder, snapshot.tenant, log)
    closers.push(() => store.close())
    const sealer = await openStoreSealer({ store, folder, tenant: snapshot.tenant, clock, random })
    const audit = createAuditTrail({ port: store.audit, sealer, clock, random })
    closers.push(() => audit.close())
    const { sequencer, signer } = await openAuditLog(store, folder, snapshot.tenant, { clock, random, log })
    closers.push(() => sequencer.close())
    const { dispatch } = createAdminApi(
      {
        store,
        snapshots: { current: () => snapshot, onSwap: () => () => undefined },
        audit,
        clock,
        random,
        log,
        logOperations: openLogOperations({ port: store.audit, tenant: snapshot.tenant, sequencer, signer, sealer }),
        identityTests: null,
        configuration: { health: () => ({ state: 'ok', problems: [] }), warnings: () => warnings },
      },
      null,
    )
    const ask = (operation: Parameters<typeof dispatch>[0], request: Parameters<AdminClient['call']>[1] = {}) =>
      dispatch(
        operation,
        { params: {}, query: {}, body: undefined, ifMatch: null, idempotencyKey: null, ...request },
        { kind: 'localOperator' },
        asRequestId(uuidv7(random, clock.nowMs())),
      )
    return {
      call: async (operation, request) => {
        const answer = await ask(operation, request)
        if (!answer.ok) return answer
        return answer.value.kind === 'json'
          ? ok(answer.value.body)
          : refused({ code: 'invalidInput', message: 'not a list' })
      },
      lines: async function* (operation) {
        const answer = await ask(operation)
        if (!answer.ok) throw new CliFailure(EXIT.unreachable, answer.refusal.message)
        if (answer.value.kind === 'lines') yield* answer.value.lines
      },
      close,
    }
  } catch (cause) {
    await close()
    throw cause
  }
}
