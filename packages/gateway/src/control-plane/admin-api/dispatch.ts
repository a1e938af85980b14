import type { RequestId } from '#core/ids.ts'
import { type Result, refused } from '#core/result.ts'
import { CursorInvalid } from '#store/errors.ts'
import { type AdminError, adminError } from './errors.ts'
import { IDEMPOTENCY_KEY_PATTERN, IdempotencyKeys } from './idempotency.ts'
import type { AdminDependencies, Answer, Caller, Operation, RawRequest } from './operation.ts'
import { OPERATIONS } from './operations.ts'
import { accessOf, type OperationId } from './permissions.ts'

/** One call of the admin API, however it came. Never throws. */
export type Dispatch = (
  operation: OperationId,
  raw: RawRequest,
  caller: Caller,
  requestId: RequestId,
) => Promise<Result<Answer, AdminError>>

/**
 * Permission first, then input, then the change. Changes run one after another, in all gateways on the store, so that what If-Match
 * compared still holds when the change is made.
 */
export function createDispatch(dependencies: AdminDependencies): Dispatch {
  const operations = new Map(OPERATIONS.map((operation) => [operation.id, operation]))
  const keys = new IdempotencyKeys<Result<Answer, AdminError>>(dependencies.clock)
  const queue = createQueue()
  const { turns } = dependencies.store
  const inTurn = <T>(run: () => Promise<T>) => queue(() => turns.take(run))
  return async (id, raw, caller, requestId) => {
    try {
      const operation = operations.get(id)
      const access = accessOf(caller.kind === 'localOperator' ? ['operator'] : caller.roles, id)
      if (operation === undefined || access === 'none') {
        await recordForbidden(dependencies, id, caller, requestId)
        return refused(adminError('forbidden', 'Your roles do not allow this.'))
      }
      const run = () => operation.handle(raw, { ...dependencies, caller, access, requestId })
      if (!operation.changes) return await run()
      if (raw.idempotencyKey === null || operation.method !== 'POST') return await inTurn(run)
      return await runOnce(keys, operation, raw, caller, () => inTurn(run))
    } catch (cause) {
      if (cause instanceof CursorInvalid)
        return refused(adminError('invalidCursor', 'The cursor is not one that was handed out for this list.'))
      dependencies.log.error('an admin operation failed', { requestId, operation: id, cause })
      return refused(adminError('unavailable', 'The gateway could not do this now. The operator finds why in its log.'))
    }
  }
}

async function runOnce(
  keys: IdempotencyKeys<Result<Answer, AdminError>>,
  operation: Operation,
  raw: RawRequest,
  caller: Caller,
  run: () => Promise<Result<Answer, AdminError>>,
): Promise<Result<Answer, AdminError>> {
  const key = raw.idempotencyKey ?? ''
  if (!IDEMPOTENCY_KEY_PATTERN.test(key))
    return refused(adminError('invalidInput', 'Idempotency-Key is 1 to 128 visible ASCII characters.'))
  // Keys belong to their caller: nobody reads another's answer by guessing one.
  const who = caller.kind === 'token' ? `${caller.subject} ${caller.clientId}` : caller.kind
  const outcome = await keys.once(
    JSON.stringify([who, operation.id, key]),
    [raw.params, raw.query, raw.body ?? null],
    run,
    (answer) => !answer.ok,
  )
  return outcome.kind === 'answer'
    ? outcome.answer
    : refused(adminError('idempotencyKeyReused', 'This Idempotency-Key came with another request before.'))
}

async function recordForbidden(
  { audit, snapshots }: AdminDependencies,
  operation: string,
  caller: Caller,
  requestId: RequestId,
): Promise<void> {
  await audit.record({
    tenant: snapshots.current().tenant,
    activity: 'request.refused',
    outcome: 'refused',
    reason: 'adminRoleForbids',
    requestId,
    method: operation,
    ...(caller.kind === 'token' ? { subject: caller.subject, clientId: caller.clientId } : {}),
  })
}

function createQueue(): <T>(run: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (run) => {
    const next = last.then(run)
    last = next.catch(() => undefined)
    return next
  }
}
